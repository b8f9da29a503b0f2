-- Among how many memories the trust of labels was measured last.
alter table engines add column judged integer default 0;

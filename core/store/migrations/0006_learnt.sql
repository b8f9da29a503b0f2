-- Weights of latents that were learnt from this bank's questions and marks.
create table learnt (
    engine varchar primary key,
    theta float[] not null,
    learnt_on varchar[] not null,
    questions integer not null,
    added timestamp not null default current_timestamp
);

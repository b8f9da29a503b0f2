-- Engines compared on this bank: which, on what, and what it gave.
create table versus (
    id varchar primary key,
    created timestamp not null,
    engines varchar[] not null,
    source varchar not null,
    categories varchar[],
    settings varchar not null,
    report varchar not null
);

-- Evaluations that were run on this bank: what was asked how, and what it gave.
create table runs (
    id varchar primary key,
    name varchar not null,
    created timestamp not null,
    engine varchar not null,
    source varchar not null,
    categories varchar[],
    settings varchar not null,
    report varchar not null
);

create table run_questions (
    run varchar not null,
    question varchar not null,
    text varchar not null,
    conversation varchar not null,
    category varchar not null,
    answer varchar not null,
    evidence varchar[] not null,
    primary key (run, question)
);

-- Where a question's evidence was ranked in one mode.
create table run_places (
    run varchar not null,
    question varchar not null,
    mode varchar not null,
    ranks integer[] not null,
    top varchar[] not null,
    measures map(varchar, double) not null,
    recalled map(varchar, struct(complete boolean, characters integer)) not null,
    primary key (run, question, mode)
);

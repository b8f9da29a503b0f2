create table bank (id varchar not null, version bigint not null);
insert into bank values (uuid()::varchar, 1);

create table memories (
    id varchar primary key,
    hash varchar not null unique,
    text varchar not null,
    role varchar not null,
    conversation varchar not null,
    session varchar not null,
    position integer not null,
    created timestamp,
    category varchar not null,
    source varchar not null,
    meta varchar not null
);

create table questions (
    id varchar primary key,
    text varchar not null,
    conversation varchar not null,
    evidence varchar[] not null,
    answer varchar not null,
    category varchar not null,
    source varchar not null
);

create table engines (
    fingerprint varchar primary key,
    name varchar not null,
    d integer not null,
    n_latents integer not null,
    about varchar not null,
    added timestamp not null default current_timestamp
);

create table codes (
    engine varchar not null,
    memory varchar not null,
    dense float[] not null,
    part_start integer[] not null,
    part_latents integer[] not null,
    latents integer[] not null,
    max float[] not null,
    sum float[] not null,
    peak integer[] not null,
    token_start integer[] not null,
    token_end integer[] not null,
    n_active integer not null,
    residual float not null,
    variance float not null,
    primary key (engine, memory)
);

create table query_codes (
    engine varchar not null,
    text varchar not null,
    dense float[] not null,
    part_start integer[] not null,
    part_latents integer[] not null,
    latents integer[] not null,
    max float[] not null,
    sum float[] not null,
    peak integer[] not null,
    token_start integer[] not null,
    token_end integer[] not null,
    n_active integer not null,
    residual float not null,
    variance float not null,
    primary key (engine, text)
);

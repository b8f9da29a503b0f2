-- Separability cases read from files: a context, a question it answers, and questions it does not.
create table cases (
    source varchar not null,
    id varchar not null,
    context varchar not null,
    related varchar not null,
    unrelated varchar not null,
    elsewhere varchar not null,
    context_id varchar not null,
    position integer not null,
    primary key (source, id)
);

-- Codes of texts that are encoded as memories are, but are none.
create table text_codes (
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

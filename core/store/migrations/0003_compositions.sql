-- Mixtures of latents that somebody saved, as queries; their latents are those of one engine.
create table compositions (
    engine varchar not null,
    name varchar not null,
    query varchar not null,
    saved timestamp not null default current_timestamp,
    primary key (engine, name)
);

-- Whether a memory answers a question, said by hand: evidence cases of the bank.
create table marks (
    text varchar not null,
    memory varchar not null,
    correct boolean not null,
    marked timestamp not null default current_timestamp,
    primary key (text, memory)
);

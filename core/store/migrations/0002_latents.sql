-- Names that somebody gave the latents of an engine, beside those that came with its SAE.
create table labels (
    engine varchar not null,
    latent integer not null,
    source varchar not null,
    text varchar not null,
    score float,
    added timestamp not null default current_timestamp,
    primary key (engine, latent, source)
);

-- How far a label may be believed among the memories of this bank.
create table label_trust (
    engine varchar not null,
    latent integer not null,
    label varchar not null,
    auroc float not null,
    a_side integer not null,
    primary key (engine, latent, label)
);

create table bookmarks (
    engine varchar not null,
    latent integer not null,
    note varchar not null,
    added timestamp not null default current_timestamp,
    primary key (engine, latent)
);

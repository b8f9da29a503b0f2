-- Maps that took time to lay out: what they were asked for, and where each memory lies.
create table maps (
    id varchar primary key,
    engine varchar not null,
    plan varchar not null,
    about varchar not null,
    bank_version bigint not null,
    added timestamp not null default current_timestamp
);

create table map_points (
    map varchar not null,
    memory varchar not null,
    x float not null,
    y float not null,
    z float,
    fitted boolean not null
);

-- What makes a memory the same memory no longer hangs on a file's name or a row's number; the order of a conversation
-- follows its times over all files. Codes are kept: they hang on ids, which stay.
alter table memories add column arrival bigint;
update memories set arrival = rowid;
update memories set hash = n.hash from (
    select id, content || ':' || row_number() over (partition by content order by arrival) as hash from (
        select id, arrival, left(sha256(concat_ws(chr(31), conversation, role,
            coalesce(strftime(created, '%Y-%m-%dT%H:%M:%S.%f'), ''), text)), 32) as content
        from memories
    )
) n where memories.id = n.id;

-- Texts that memories had before they were corrected.
create table versions (
    memory varchar not null,
    text varchar not null,
    role varchar not null,
    created timestamp,
    source varchar not null,
    replaced timestamp not null default current_timestamp
);

-- Conversations whose times say another order than their numbers are numbered anew.
with spoken as (
    select id, conversation, source, position, arrival, created,
        created - lag(created) over (partition by conversation, source order by position, arrival) as step
    from memories
    where conversation <> ''
), sources as (
    select conversation, source, min(arrival) as begun,
        count(*) filter (step < interval 0 second) > count(*) filter (step > interval 0 second) as newest_first
    from spoken group by all
), keyed as (
    select s.id, s.conversation, s.position,
        coalesce(
            last_value(created ignore nulls) over (
                partition by s.conversation, s.source order by s.position, s.arrival
                rows between unbounded preceding and current row),
            first_value(created ignore nulls) over (
                partition by s.conversation, s.source order by s.position, s.arrival
                rows between current row and unbounded following)
        ) as moment,
        begun, case when newest_first then -s.position else s.position end as place, s.arrival
    from spoken s join sources using (conversation, source)
), ranked as (
    select id, conversation, position,
        row_number() over w - 1 as place, lag(position) over w as before
    from keyed window w as (partition by conversation order by moment nulls first, begun, place, arrival)
), wrong as (
    select conversation from ranked group by 1
    having not coalesce(bool_and(before is null or before < position), true)
)
update memories set position = r.place::integer from ranked r semi join wrong using (conversation)
where memories.id = r.id and memories.position <> r.place;

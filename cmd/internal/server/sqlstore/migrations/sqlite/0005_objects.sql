-- reads 5
-- Blobs are objects with keys: those that are here keep the names of their files.
alter table blob rename to old_blob;
create table blob (
    digest  text    primary key,
    key     text    not null,
    size    integer not null,
    created integer not null
) without rowid;
insert into blob select digest, 'sha256/' || substr(digest, 8, 2) || '/' || substr(digest, 8), max(size), unixepoch() from old_blob group by digest;
create index blob_key on blob (key);

create table repo_blob (
    repo    text    not null,
    digest  text    not null references blob (digest),
    created integer not null,
    primary key (repo, digest)
) without rowid;
create index repo_blob_digest on repo_blob (digest);
insert into repo_blob select repo, digest, unixepoch() from old_blob;
drop table old_blob;

-- What a manifest names: blobs and other manifests.
create table reference (
    repo   text not null,
    parent text not null,
    child  text not null,
    primary key (repo, parent, child)
) without rowid;
create index reference_child on reference (repo, child);
insert into reference
    select m.repo, m.digest, json_extract(c.value, '$.digest') from manifest m, json_each(cast(m.body as text), '$.layers') c where true
    on conflict do nothing;
insert into reference
    select m.repo, m.digest, json_extract(c.value, '$.digest') from manifest m, json_each(cast(m.body as text), '$.manifests') c where true
    on conflict do nothing;
insert into reference
    select repo, digest, json_extract(cast(body as text), '$.config.digest') from manifest
    where json_extract(cast(body as text), '$.config.digest') is not null
    on conflict do nothing;

create table upload (
    name      text    primary key,
    repo      text    not null,
    algorithm text    not null,
    size      integer not null,
    state     blob    not null,
    parts     text    not null,
    touched   integer not null
) without rowid;
create index upload_touched on upload (touched);

-- Objects that nothing names any more, until they are deleted.
create table garbage (
    key   text    primary key,
    since integer not null
) without rowid;

alter table manifest add column created integer not null default 0;
create index tag_digest on tag (repo, digest);

create table program (
    reads integer not null
);

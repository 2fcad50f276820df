-- reads 5
create table blob (
    digest  text   primary key,
    key     text   not null,
    size    bigint not null,
    created bigint not null
);
create index blob_key on blob (key);

create table repo_blob (
    repo    text   not null,
    digest  text   not null references blob (digest),
    created bigint not null,
    primary key (repo, digest)
);
create index repo_blob_digest on repo_blob (digest);

create table manifest (
    repo          text  not null,
    digest        text  collate "C" not null,
    media_type    text  not null,
    artifact_type text  not null,
    annotations   text  not null,
    subject       text  not null,
    body          bytea not null,
    created       bigint not null,
    primary key (repo, digest)
);
create index manifest_subject on manifest (repo, subject, digest) where subject <> '';

-- What a manifest names: blobs and other manifests.
create table reference (
    repo   text not null,
    parent text not null,
    child  text not null,
    primary key (repo, parent, child)
);
create index reference_child on reference (repo, child);

create table tag (
    repo   text not null,
    tag    text collate "C" not null,
    digest text not null,
    primary key (repo, tag)
);
create index tag_digest on tag (repo, digest);

create table upload (
    name      text   primary key,
    repo      text   not null,
    algorithm text   not null,
    size      bigint not null,
    state     bytea  not null,
    parts     text   not null,
    touched   bigint not null
);
create index upload_touched on upload (touched);

-- Objects that nothing names any more, until they are deleted.
create table garbage (
    key   text   primary key,
    since bigint not null
);

create table namespace (
    name text primary key,
    kind text not null
);

create table plugin (
    number   bigint  generated always as identity primary key,
    id       text    collate "C" not null unique,
    document bytea   not null,
    digest   text    not null,
    latest   text    not null,
    summary  text    not null,
    searched boolean not null
);
create index plugin_digest on plugin (digest);

create table plugin_point (
    plugin bigint not null references plugin (number),
    point  text   not null,
    primary key (plugin, point)
);

create table plugin_runtime (
    plugin  bigint not null references plugin (number),
    runtime text   not null,
    primary key (plugin, runtime)
);

create table plugin_offer (
    plugin bigint not null references plugin (number),
    name   text   collate "C" not null,
    primary key (plugin, name)
);
create index plugin_offer_name on plugin_offer (name, plugin);

create table search (
    plugin bigint   primary key,
    words  tsvector not null
);
create index search_words on search using gin (words);

create table event (
    position bigint generated always as identity primary key,
    at       text not null,
    actor    text not null,
    what     text not null
);

create table setting (
    key   text primary key,
    value text not null
);
-- The revision of the index begins at random, so that a registry that was made anew at an
-- old address does not look like the one before.
insert into setting values ('revision', replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''));

create table program (
    reads integer not null
);

create table blob (
    repo   text    not null,
    digest text    not null,
    size   integer not null,
    primary key (repo, digest)
) without rowid;

create table manifest (
    repo          text not null,
    digest        text not null,
    media_type    text not null,
    artifact_type text not null,
    annotations   text not null,
    subject       text not null,
    body          blob not null,
    primary key (repo, digest)
);
create index manifest_subject on manifest (repo, subject) where subject <> '';

create table tag (
    repo   text not null,
    tag    text not null,
    digest text not null,
    primary key (repo, tag)
) without rowid;

create table plugin (
    number   integer primary key,
    id       text not null unique,
    document blob not null,
    digest   text not null,
    latest   text not null,
    summary  text not null,
    searched integer not null
);
create index plugin_digest on plugin (digest);

create table plugin_point (
    plugin integer not null references plugin (number),
    point  text    not null,
    primary key (plugin, point)
) without rowid;

create table plugin_runtime (
    plugin  integer not null references plugin (number),
    runtime text    not null,
    primary key (plugin, runtime)
) without rowid;

create virtual table search using fts5 (id, summary, keywords, tokenize = "unicode61 remove_diacritics 2", prefix = '2 3');

create table event (
    position integer primary key autoincrement,
    at       text not null,
    actor    text not null,
    what     text not null
);

create table setting (
    key   text primary key,
    value text not null
) without rowid;

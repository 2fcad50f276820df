-- A plugin that was published before belongs to a namespace of kind plugin.
create table namespace (
    name text primary key,
    kind text not null
) without rowid;
insert into namespace select distinct substr(repo, 1, instr(repo || '/', '/') - 1), 'plugin' from manifest;

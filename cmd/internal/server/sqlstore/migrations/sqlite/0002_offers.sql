-- Names that plugins offer, in releases that are neither yanked nor blocked. No release
-- that is here already has any: plugin.json had no such key.
create table plugin_offer (
    plugin integer not null references plugin (number),
    name   text    not null,
    primary key (plugin, name)
) without rowid;
create index plugin_offer_name on plugin_offer (name, plugin);

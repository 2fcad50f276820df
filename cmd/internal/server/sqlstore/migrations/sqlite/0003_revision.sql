-- The revision of the index begins at random, so that a registry that was made anew at an
-- old address does not look like the one before.
insert into setting values ('revision', lower(hex(randomblob(32)))) on conflict do nothing;

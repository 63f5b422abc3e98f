-- The roles of a deployment, for psql, run by a superuser (or a role with CREATEROLE) once on every server:
--   psql -v router_password=… -v user_service_password=… -v session_service_password=… -f roles.sql
-- Running it again sets the passwords anew. Databases are then made for the router, which owns every table and gives the other
-- two what they need, table by table, at each of its starts:
--   CREATE DATABASE shard_0 OWNER myriad_router ENCODING 'UTF8' TEMPLATE template0;
SELECT format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION', name)
FROM unnest(ARRAY['myriad_router', 'myriad_user_service', 'myriad_session_service']) AS name
WHERE name NOT IN (SELECT rolname FROM pg_roles)
\gexec
ALTER ROLE myriad_router PASSWORD :'router_password';
ALTER ROLE myriad_user_service PASSWORD :'user_service_password';
ALTER ROLE myriad_session_service PASSWORD :'session_service_password';

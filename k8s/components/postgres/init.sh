# Run once, when a server's directory is made: the services' roles, and the database that shard-router fills and owns.
psql -v ON_ERROR_STOP=1 --no-psqlrc --quiet --dbname postgres -U "$POSTGRES_USER" \
  -v router_password="$ROUTER_PASSWORD" -v user_service_password="$USER_SERVICE_PASSWORD" \
  -v session_service_password="$SESSION_SERVICE_PASSWORD" -f /roles/roles.sql
psql -v ON_ERROR_STOP=1 --no-psqlrc --quiet --dbname postgres -U "$POSTGRES_USER" \
  -c "CREATE DATABASE myriad OWNER myriad_router ENCODING 'UTF8' TEMPLATE template0"

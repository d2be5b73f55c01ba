#!/usr/bin/env bash
# The examples of Debian's tomcat10, with FORM authentication; users of tomcat-users.xml, sessions in memory.
# Beside them is a page of ours with a "remember me" cookie. CATALINA_BASE lies in RUN_DIR; of the package's configuration the port, the address and the users are changed.
APP=tomcat-examples; . "$(dirname "$0")/../lib.sh"
already_up
need_apt tomcat10-user tomcat10-examples curl
BASE="$RUN_DIR/base"
if [ ! -e "$RUN_DIR/seeded" ]; then
  rm -rf "$BASE"; mkdir -p "$BASE"/{logs,webapps,work,temp,conf/Catalina/localhost}
  cp -r /usr/share/tomcat10/skel/conf/. "$BASE/conf"
  cp /etc/tomcat10/Catalina/localhost/examples.xml "$BASE/conf/Catalina/localhost"
  cat > "$BASE/conf/tomcat-users.xml" <<S
<tomcat-users>
  <user username="alice" password="alice-pass-1" roles="tomcat,role1"/>
  <user username="bob" password="bob-pass-1" roles="tomcat"/>
</tomcat-users>
S
  cp -r "$(dirname "$0")/remember" "$BASE/webapps"
  touch "$RUN_DIR/seeded"
fi
sed "s/Connector port=\"8080\"/Connector address=\"127.0.0.1\" port=\"$PORT\"/" /usr/share/tomcat10/skel/conf/server.xml > "$BASE/conf/server.xml"
# A small machine: one compiler tier and no search of the jars for what they don't hold start it sooner.
spawn "$PIDFILE" "$RUN_DIR/app.log" env CATALINA_HOME=/usr/share/tomcat10 CATALINA_BASE="$BASE" \
  JAVA_OPTS="-Xmx256m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto" /usr/share/tomcat10/bin/catalina.sh run
wait_http /examples/ 120
report

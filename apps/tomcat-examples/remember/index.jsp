<%@page contentType="text/html; charset=UTF-8" import="java.nio.charset.StandardCharsets, java.security.*, java.util.*, javax.crypto.Mac, javax.crypto.spec.SecretKeySpec, jakarta.servlet.http.*"%><%!
// A page of ours beside the examples: its "remember me" cookie signs its user in wherever nobody is, with a new session id.
static final byte[] KEY = new byte[32];
static { new SecureRandom().nextBytes(KEY); }

static String seal(String name) throws GeneralSecurityException {
    Mac mac = Mac.getInstance("HmacSHA256");
    mac.init(new SecretKeySpec(KEY, "HmacSHA256"));
    return name + "." + HexFormat.of().formatHex(mac.doFinal(name.getBytes(StandardCharsets.UTF_8)));
}

static boolean isSealed(String name, String text) throws GeneralSecurityException {
    return MessageDigest.isEqual(seal(name).getBytes(StandardCharsets.UTF_8), text.getBytes(StandardCharsets.UTF_8));
}
%><%
String user = (String) session.getAttribute("user"), begun = null;
if (request.getMethod().equals("POST") && ("alice".equals(request.getParameter("user")) || "bob".equals(request.getParameter("user")))
        && (request.getParameter("user") + "-pass-1").equals(request.getParameter("password"))) {
    begun = request.getParameter("user");
    Cookie remember = new Cookie("remember", seal(begun));
    remember.setHttpOnly(true);
    response.addCookie(remember);
}
for (Cookie cookie : Optional.ofNullable(request.getCookies()).orElse(new Cookie[0])) {
    String name = cookie.getValue().split("\\.", 2)[0];
    if (user == null && begun == null && cookie.getName().equals("remember") && isSealed(name, cookie.getValue())) begun = name;
}
if (begun != null) {
    if (!session.isNew()) request.changeSessionId();
    session.setAttribute("user", user = begun);
}
%><!doctype html><title>Remember</title><p><%= user == null ? "Not signed in" : "Signed in as <b id=\"user\">" + user + "</b>" %></p>

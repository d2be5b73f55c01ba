import java.io.*;
import java.nio.charset.StandardCharsets;
import java.util.*;
import org.apache.tomcat.util.buf.MessageBytes;
import org.apache.tomcat.util.http.*;

/** What Tomcat reads: all values of a name, since it tries one after the other for a session. usage: Read PROCESSOR */
public class Read {
  public static void main(String[] args) throws Exception {
    CookieProcessor processor =
        (CookieProcessor) Class.forName("org.apache.tomcat.util.http." + args[0]).getDeclaredConstructor().newInstance();
    java.util.logging.LogManager.getLogManager().reset(); // it says of each cookie that it does not like that it doesn't
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.ISO_8859_1));
    PrintWriter out = new PrintWriter(new BufferedOutputStream(System.out));
    HexFormat hex = HexFormat.of();
    for (String line; (line = in.readLine()) != null;) {
      String[] fields = line.split(" ");
      String want = new String(hex.parseHex(fields[0].substring(1)), StandardCharsets.ISO_8859_1);
      byte[] header = hex.parseHex(fields[1].substring(1));
      MimeHeaders headers = new MimeHeaders();
      headers.addValue("Cookie").setBytes(header, 0, header.length);
      ServerCookies cookies = new ServerCookies(4);
      try {
        processor.parseCookieHeader(headers, cookies);
      } catch (IllegalArgumentException | IndexOutOfBoundsException refused) { // the whole request is
        out.println();
        continue;
      }
      List<String> found = new ArrayList<>();
      for (int i = 0; i < cookies.getCookieCount(); i++) {
        String name = text(cookies.getCookie(i).getName());
        String wanted = want.replaceAll("\\*+$", "");
        if (name.equals(wanted) || want.endsWith("*") && name.startsWith(wanted)) {
          found.add(hexOf(name) + "=" + hexOf(text(cookies.getCookie(i).getValue())));
        }
      }
      out.println(String.join(" ", found));
    }
    out.flush();
  }

  static String text(MessageBytes bytes) {
    if (bytes.getType() == MessageBytes.T_BYTES) bytes.getByteChunk().setCharset(StandardCharsets.ISO_8859_1);
    String text = bytes.toString();
    return text == null ? "" : text;
  }

  static String hexOf(String text) { return HexFormat.of().formatHex(text.getBytes(StandardCharsets.UTF_8)); }
}

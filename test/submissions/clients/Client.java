// Client of the assignment: a thread reads what the server says, the other one asks the user.
// javac Client.java && java Client
import java.io.*;
import java.net.*;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.util.*;
import java.util.concurrent.*;

public class Client {
    static final int SIZE = 2043;
    static BufferedReader keyboard = new BufferedReader(new InputStreamReader(System.in));
    static Socket tcp;
    static PrintWriter out;
    static InetAddress own, server;
    static volatile boolean closed, downloading;
    static final BlockingQueue<String> answers = new LinkedBlockingQueue<>();

    static String ask(String question) throws IOException {
        System.out.print(question);
        System.out.flush();
        String line = keyboard.readLine();
        if (line == null) System.exit(0);
        return line.trim();
    }

    static InetAddress address(String question) throws IOException {
        while (true) {
            String text = ask(question);
            if (text.matches("\\d+\\.\\d+\\.\\d+\\.\\d+")) {
                try { return InetAddress.getByName(text); } catch (UnknownHostException e) { /* again */ }
            }
            System.out.println("This is no address.");
        }
    }

    static void open() throws IOException {
        while (true) {
            own = address("Your IP: ");
            server = address("Server IP: ");
            try {
                int port = Integer.parseInt(ask("Server port (55000-55015): "));
                tcp = new Socket();
                tcp.bind(new InetSocketAddress(own, 0));
                tcp.connect(new InetSocketAddress(server, port), 3000);
                out = new PrintWriter(new OutputStreamWriter(tcp.getOutputStream(), StandardCharsets.UTF_8));
                Socket mine = tcp;
                BufferedReader in = new BufferedReader(new InputStreamReader(tcp.getInputStream(), StandardCharsets.UTF_8));
                Thread reader = new Thread(() -> {
                    try {
                        String line;
                        while ((line = in.readLine()) != null) heard(line);
                    } catch (IOException e) { /* gone */ }
                    if (mine == tcp) { closed = true; answers.add("\0"); System.out.println("The connection is closed."); }
                });
                reader.setDaemon(true);
                closed = false;
                reader.start();
                return;
            } catch (IOException | NumberFormatException e) {
                System.out.println("Can't connect: " + e.getMessage());
            }
        }
    }

    static void heard(String line) {
        if (line.matches("\\|\\d+") || downloading && (line.startsWith("Can't download") || line.startsWith("User ") || line.equals("download stopped"))) answers.add(line);
        if (line.matches("\\|\\d+")) return;
        System.out.println(line);
    }

    static void say(String text) { out.print(text + "\n"); out.flush(); }

    public static void main(String[] args) throws Exception {
        open();
        while (true) {
            String line = ask("> ");
            if (closed) { open(); continue; }
            switch (line) {
                case "": break;
                case "connect": {
                    String name = ask("Name: ");
                    if (name.isEmpty() || name.contains("|")) { System.out.println("Illegal name"); break; }
                    say("connect|" + name);
                    break;
                }
                case "disconnect":
                    say("disconnect");
                    for (int i = 0; i < 20 && !closed; i++) Thread.sleep(100);
                    tcp.close();
                    open();
                    break;
                case "get_users": case "get_list_file": say(line); break;
                case "download": download(); break;
                default: {
                    String target = ask("To (a name, or nothing for all): ");
                    if (target.isEmpty() || target.equals("all")) say("msg_all|" + line);
                    else say("msg|" + line + "|" + target);
                }
            }
        }
    }

    static void download() throws Exception {
        String file = ask("File: ");
        answers.clear();
        downloading = true;
        try {
            say("download|" + file);
            String answer = answers.poll(5, TimeUnit.SECONDS);
            if (answer == null || !answer.startsWith("|")) return;
            int count = Integer.parseInt(answer.substring(1));
            byte[][] parts = new byte[count][];
            try (DatagramSocket udp = new DatagramSocket(new InetSocketAddress(own, 0))) {
                udp.setReceiveBufferSize(4_000_000);
                say("" + udp.getLocalPort());
                int half = count / 2;
                if (count > 1) {
                    if (!receive(udp, parts, half)) return;
                    String go = ask("50% is downloaded. proceed or stop? ");
                    say(go);
                    if (!go.equals("proceed")) return;
                }
                if (!receive(udp, parts, count)) return;
            }
            say("stop");
            answers.poll(5, TimeUnit.SECONDS);
            String name = ask("New name: ");
            try (OutputStream to = Files.newOutputStream(Paths.get(new File(name).getName()))) {
                for (byte[] part : parts) to.write(part);
            }
            System.out.println("Saved.");
        } finally { downloading = false; }
    }

    static boolean receive(DatagramSocket udp, byte[][] parts, int end) throws IOException {
        int timeout = 100;
        long begin = System.currentTimeMillis();
        byte[] buffer = new byte[65536];
        while (true) {
            List<String> missing = new ArrayList<>();
            for (int i = 0; i < end; i++) if (parts[i] == null) missing.add("" + i);
            if (missing.isEmpty()) return true;
            if (closed || System.currentTimeMillis() - begin > 30000) return false;
            try {
                udp.setSoTimeout(timeout);
                DatagramPacket packet = new DatagramPacket(buffer, buffer.length);
                udp.receive(packet);
                if (!packet.getAddress().equals(server) || packet.getLength() < 6 || buffer[4] != ':') continue;
                int number = ByteBuffer.wrap(buffer).getInt();
                int length = packet.getLength() - 5;
                if (number < 0 || number >= parts.length || length > SIZE || (length < SIZE && number < parts.length - 1)) continue;
                if (parts[number] == null) {
                    parts[number] = Arrays.copyOfRange(buffer, 5, packet.getLength());
                    timeout = 100;
                    begin = System.currentTimeMillis();
                }
            } catch (SocketTimeoutException e) {
                say(String.join(" ", missing));
                timeout += 100;
            }
        }
    }
}

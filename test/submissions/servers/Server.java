// Server of the assignment: a thread for each client, a line for each message, parts numbered in four bytes.
// javac Server.java && java Server
import java.io.*;
import java.net.*;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.util.*;
import java.util.concurrent.*;

public class Server {
    static final int SIZE = 2043;
    static final Map<String, Handler> online = new LinkedHashMap<>();

    public static void main(String[] args) throws Exception {
        for (int port = 55000; port <= 55015; port++) {
            ServerSocket server = new ServerSocket(port);
            Semaphore places = new Semaphore(15);
            new Thread(() -> {
                while (true) {
                    try {
                        places.acquire();
                        Socket socket = server.accept();
                        new Thread(() -> {
                            try { new Handler(socket).run(); } finally { places.release(); }
                        }).start();
                    } catch (Exception e) { System.out.println(e); }
                }
            }).start();
        }
        System.out.println("Server is running");
    }

    static void broadcast(String text) {
        List<Handler> all;
        synchronized (online) { all = new ArrayList<>(online.values()); }
        for (Handler one : all) one.send(text);
    }

    static class Handler {
        final Socket socket;
        String name;
        PrintWriter out;

        byte[][] parts;
        byte[] data;
        DatagramSocket udp;
        int clientPort = -1;
        int sent;

        Handler(Socket socket) { this.socket = socket; }

        void send(String text) {
            synchronized (this) { out.print(text + "\n"); out.flush(); }
        }

        void run() {
            try (socket) {
                out = new PrintWriter(new OutputStreamWriter(socket.getOutputStream(), StandardCharsets.UTF_8));
                BufferedReader in = new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
                String line;
                while ((line = in.readLine()) != null) {
                    if (line.equals("disconnect")) {
                        logOut();
                        send("disconnected");
                        break;
                    }
                    handle(line);
                }
            } catch (IOException e) {
                // gone
            } finally {
                endDownload();
                logOut();
            }
        }

        void logOut() {
            synchronized (online) {
                if (name == null) return;
                online.remove(name);
            }
            String who = name;
            name = null;
            broadcast(who + " is disconnected");
        }

        void endDownload() {
            if (udp != null) udp.close();
            udp = null;
            parts = null;
            clientPort = -1;
        }

        void handle(String line) throws IOException {
            String[] words = line.split("\\|", -1);
            if (parts != null && clientPort < 0) {
                try {
                    int port = Integer.parseInt(words[words.length - 1].trim());
                    if (port < 1 || port > 65535) throw new NumberFormatException();
                    clientPort = port;
                    udp = new DatagramSocket();
                    sent = parts.length < 2 ? parts.length : parts.length / 2;
                    for (int i = 0; i < sent; i++) part(i);
                    return;
                } catch (NumberFormatException e) {
                    endDownload();
                    send("Can't download. Wrong port");
                    return;
                }
            }
            if (parts != null) {
                if (line.equals("proceed")) {
                    int from = sent;
                    sent = parts.length;
                    for (int i = from; i < sent; i++) part(i);
                    return;
                }
                if (line.equals("stop")) {
                    boolean whole = sent == parts.length;
                    String last = data.length == 0 ? "none" : "" + (data[data.length - 1] & 255);
                    endDownload();
                    send(whole ? "User " + name + " downloaded 100% out of file. Last byte is: " + last : "download stopped");
                    return;
                }
                if (line.matches("[-0-9 x]+")) {
                    for (String word : line.trim().split(" +")) {
                        try {
                            int number = Integer.parseInt(word);
                            if (number >= 0 && number < sent) part(number);
                        } catch (NumberFormatException e) { /* none of ours */ }
                    }
                    return;
                }
                if (sent < parts.length && !line.contains("|") && !line.startsWith("get_")) {
                    endDownload();
                    send("download stopped");
                    return;
                }
            }
            switch (words[0]) {
                case "connect": {
                    String wanted = words.length == 2 ? words[1] : "";
                    if (name != null) { send("can't connect. Already connected"); return; }
                    if (wanted.isBlank()) { send("can't connect. Name is illegal"); return; }
                    synchronized (online) {
                        if (online.containsKey(wanted)) { send("can't connect. Name is taken"); return; }
                        online.put(wanted, this);
                        name = wanted;
                    }
                    broadcast(name + " is connected");
                    send("connected");
                    return;
                }
                case "get_users":
                    synchronized (online) { send(new ArrayList<>(online.keySet()).toString()); }
                    return;
                case "get_list_file":
                    send(Arrays.toString(new File("files").list()));
                    return;
                case "msg_all":
                    if (name == null) send("Can't send message. Log in first");
                    else broadcast(name + " to all: " + line.substring(8));
                    return;
                case "msg": {
                    if (name == null) { send("Can't send message. Log in first"); return; }
                    if (words.length < 3) { send("Can't send message"); return; }
                    Handler target;
                    synchronized (online) { target = online.get(words[2]); }
                    if (target == null) send("Can't send message. " + words[2] + " is not online");
                    else target.send(name + ": " + words[1]);
                    return;
                }
                case "download": {
                    if (name == null) { send("Can't download. Log in first"); return; }
                    File file = words.length > 1 ? new File("files", words[1]) : null;
                    if (file == null || words[1].contains("/") || !file.isFile()) { send("Can't download. File not found"); return; }
                    data = Files.readAllBytes(file.toPath());
                    int count = (data.length + SIZE - 1) / SIZE;
                    parts = new byte[count][];
                    for (int i = 0; i < count; i++)
                        parts[i] = Arrays.copyOfRange(data, i * SIZE, Math.min(data.length, (i + 1) * SIZE));
                    send("|" + count);
                    return;
                }
                default:
                    send("Unknown command");
            }
        }

        void part(int number) throws IOException {
            ByteBuffer buffer = ByteBuffer.allocate(5 + parts[number].length);
            buffer.putInt(number).put((byte) ':').put(parts[number]);
            udp.send(new DatagramPacket(buffer.array(), buffer.capacity(), socket.getInetAddress(), clientPort));
        }
    }
}

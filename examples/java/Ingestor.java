import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.net.http.WebSocketHandshakeException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Pattern;

/**
 * Publishes lines INSTRUMENT PRICE of standard input: java Ingestor.java ws://127.0.0.1:8080
 *
 * <p>Needs Java 17 and nothing else. BACKBONE_API_KEY holds the key, where the server asks for one. An instrument's
 * newest price is sent again if the connection ended before its ack.
 */
public final class Ingestor implements WebSocket.Listener {
    private static final Set<Integer> FINAL = Set.of(1002, 1003, 1007, 1009, 4401); // a new connection would end alike
    private static final Pattern LINE = Pattern.compile("([^\"\\\\\\p{Cntrl}]+) (-?(?:0|[1-9]\\d*)(?:\\.\\d+)?(?:[eE][-+]?\\d+)?)");
    private static final Pattern ID = Pattern.compile("\"id\":\"([^\"]*)\"");
    private static final String NO_MORE = "";

    /** A message that no ack has come for. */
    private record Message(String id, String text) {}

    /** How a connection ended. */
    private record End(int code, String why) {}

    private static final BlockingQueue<String> lines = new ArrayBlockingQueue<>(1000);
    private static final Map<String, Message> unacked = new ConcurrentHashMap<>(); // the newest of each instrument
    private static final Map<String, String> instruments = new ConcurrentHashMap<>(); // by id
    private static final AtomicInteger rejected = new AtomicInteger();
    private static long count;
    private static boolean ended; // standard input has

    private final CompletableFuture<End> end = new CompletableFuture<>();
    private final StringBuilder parts = new StringBuilder();
    private volatile long heard = System.nanoTime();

    public static void main(String[] args) throws Exception {
        var reader = new Thread(Ingestor::read);
        reader.setDaemon(true);
        reader.start();
        var http = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(10)).build();
        var accepted = false;
        for (double bound = 0.1; ; bound = Math.min(bound * 2, 5)) {
            var ingestor = new Ingestor();
            double least = 0;
            String why;
            try {
                var builder = http.newWebSocketBuilder().subprotocols("backbone.v1").connectTimeout(Duration.ofSeconds(10));
                var key = System.getenv("BACKBONE_API_KEY");
                if (key != null) {
                    builder.header("X-API-Key", key);
                }
                var socket = builder.buildAsync(URI.create(args[0] + "/ws/ingest"), ingestor).join();
                bound = 0.1;
                accepted = true;
                if (ingestor.publish(socket)) {
                    socket.abort(); // all is acked
                    System.exit(rejected.get() > 0 ? 1 : 0);
                }
                var end = ingestor.end.join();
                why = end.why;
                if (FINAL.contains(end.code)) {
                    System.err.println(why);
                    System.exit(1);
                }
                least = end.code == 4429 ? 5 : 0;
            } catch (CompletionException e) {
                why = e.getCause().toString();
                if (e.getCause() instanceof WebSocketHandshakeException refused && refused.getResponse() != null) {
                    var status = refused.getResponse().statusCode();
                    why = "refused with " + status;
                    if (status == 401 || status == 403) {
                        least = 60;
                        if (!accepted) {
                            System.err.println(why);
                            System.exit(1);
                        }
                    }
                }
            }
            double wait = least + ThreadLocalRandom.current().nextDouble(bound);
            System.err.printf("%s: connecting again in %.1f s%n", why, wait);
            Thread.sleep((long) (wait * 1000));
        }
    }

    /** Hands on standard input, and waits while the server is away. */
    private static void read() {
        try (var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                if (!line.isBlank()) {
                    lines.put(line.strip());
                }
            }
            lines.put(NO_MORE);
        } catch (Exception e) {
            System.err.println("standard input: " + e);
            System.exit(1);
        }
    }

    /** Sends what no ack has come for, then new lines. Returns true when all is acked, false if the connection ended. */
    private boolean publish(WebSocket socket) throws InterruptedException {
        instruments.clear(); // what was replaced by a newer price is not sent again
        for (var instrument : List.copyOf(unacked.keySet())) {
            var message = unacked.get(instrument);
            instruments.put(message.id, instrument);
            socket.sendText(message.text, true).join(); // returns when the system has taken it
        }
        var pinged = System.nanoTime();
        while (!end.isDone()) {
            if (ended && unacked.isEmpty()) {
                return true;
            }
            var line = lines.poll(50, TimeUnit.MILLISECONDS);
            if (line == NO_MORE) { // the one object
                ended = true;
            } else if (line != null) {
                publish(socket, line);
            }
            var now = System.nanoTime();
            if (now - pinged > 10_000_000_000L) {
                pinged = now;
                socket.sendPing(ByteBuffer.allocate(0)).join();
            }
            if (now - heard > 25_000_000_000L) { // a dead server answers no ping
                socket.abort();
                end.complete(new End(1006, "no answer"));
            }
        }
        return false;
    }

    private void publish(WebSocket socket, String line) {
        var m = LINE.matcher(line);
        if (!m.matches()) {
            System.err.println("not INSTRUMENT PRICE: " + line);
            rejected.incrementAndGet();
            return;
        }
        var id = Long.toString(++count);
        // The price is put in as text: as a double, 60214.30 would lose its zero.
        var text = "{\"type\":\"price_update\",\"instrument\":\"" + m.group(1) + "\",\"price\":" + m.group(2)
                + ",\"ts\":" + System.currentTimeMillis() + ",\"id\":\"" + id + "\"}";
        instruments.put(id, m.group(1));
        unacked.put(m.group(1), new Message(id, text));
        socket.sendText(text, true).join();
    }

    /** Takes acks and errors. */
    @Override
    public CompletionStage<?> onText(WebSocket socket, CharSequence part, boolean last) {
        heard = System.nanoTime();
        parts.append(part);
        if (last) {
            var text = parts.toString();
            parts.setLength(0);
            var stops = text.startsWith("{\"type\":\"error\",\"code\":\"unavailable\""); // the next server gets it
            if (text.startsWith("{\"type\":\"error\"") && !stops) {
                rejected.incrementAndGet();
                System.err.println("rejected: " + text);
            }
            var id = ID.matcher(text);
            var instrument = id.find() && !stops ? instruments.remove(id.group(1)) : null;
            if (instrument != null) { // a newer price of it waits for its own ack
                unacked.computeIfPresent(instrument, (name, message) -> message.id.equals(id.group(1)) ? null : message);
            }
        }
        socket.request(1);
        return null;
    }

    @Override
    public CompletionStage<?> onPong(WebSocket socket, ByteBuffer message) {
        heard = System.nanoTime();
        socket.request(1);
        return null;
    }

    @Override
    public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
        end.complete(new End(code, "closed with " + code + " " + reason));
        return null;
    }

    @Override
    public void onError(WebSocket socket, Throwable error) { // also a reset, where others have a close with 1006
        end.complete(new End(1006, error.toString()));
    }
}

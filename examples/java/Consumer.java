import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.net.http.WebSocketHandshakeException;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Prints the prices of rooms: java Consumer.java ws://127.0.0.1:8080 BTC_USDT ETH_USDT
 *
 * <p>Needs Java 17 and nothing else. BACKBONE_API_KEY holds the key, where the server asks for one. It finds keys by
 * regular expressions, as the JDK has no parser of JSON: a program of yours takes one that can read numbers as
 * BigDecimal.
 */
public final class Consumer implements WebSocket.Listener {
    private static final int HEARTBEAT = 5000; // ms: if nothing comes for two and a half times as long, the line is dead
    private static final Set<Integer> FINAL = Set.of(1002, 1003, 1007, 1009, 4401); // a new connection would end alike

    /** How a connection ended. */
    private record End(int code, String why) {}

    private final CompletableFuture<End> end = new CompletableFuture<>();
    private final StringBuilder parts = new StringBuilder();
    private CompletableFuture<?> sent = CompletableFuture.completedFuture(null); // only one send may be under way
    private final String join;
    private int pause = 1000; // ms, before a refused join is sent again
    private volatile long heard = System.nanoTime();
    private volatile boolean joined;

    private Consumer(List<String> rooms) {
        join = "{\"type\":\"join\",\"rooms\":[\"" + String.join("\",\"", rooms) // names need no escapes
                + "\"],\"mark_empty\":true,\"marks\":true,\"heartbeat_ms\":" + HEARTBEAT + ",\"id\":\"join\"}";
    }

    public static void main(String[] args) throws Exception {
        var rooms = List.of(args).subList(1, args.length);
        var http = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(10)).build();
        var accepted = false;
        for (double bound = 0.1; ; bound = Math.min(bound * 2, 5)) {
            var consumer = new Consumer(rooms);
            double least = 0;
            String why;
            try {
                var builder = http.newWebSocketBuilder().subprotocols("backbone.v1").connectTimeout(Duration.ofSeconds(10));
                var key = System.getenv("BACKBONE_API_KEY");
                if (key != null) {
                    builder.header("X-API-Key", key);
                }
                var socket = builder.buildAsync(URI.create(args[0] + "/ws"), consumer).get();
                consumer.send(socket, consumer.join);
                var end = consumer.await(socket);
                if (consumer.joined) {
                    accepted = true;
                    bound = 0.1;
                }
                if (FINAL.contains(end.code)) {
                    System.err.println(end.why);
                    System.exit(1);
                }
                why = end.why;
                least = end.code == 4429 ? 5 : 0;
            } catch (ExecutionException e) {
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

    /** Waits until the connection has ended or nothing has come for too long. */
    private End await(WebSocket socket) throws InterruptedException, ExecutionException {
        while (true) {
            try {
                return end.get(1, TimeUnit.SECONDS);
            } catch (TimeoutException e) {
                if (System.nanoTime() - heard > HEARTBEAT * 2_500_000L) {
                    socket.abort();
                    return new End(1006, "no heartbeat");
                }
            }
        }
    }

    private synchronized void send(WebSocket socket, String text) {
        sent = sent.thenCompose(done -> socket.sendText(text, true));
    }

    @Override
    public void onOpen(WebSocket socket) {
        socket.request(1);
    }

    /** Takes a part of a message. The next one is read when it is handled, so that nothing piles up in this process. */
    @Override
    public CompletionStage<?> onText(WebSocket socket, CharSequence part, boolean last) {
        heard = System.nanoTime();
        parts.append(part);
        if (last) {
            var text = parts.toString();
            parts.setLength(0);
            handle(socket, text);
        }
        socket.request(1);
        return null;
    }

    /** Does with an event what the program is for. */
    private void handle(WebSocket socket, String text) {
        switch (value(text, "type")) {
            case "price_update" -> // as it was written; a snapshot is the current value, not a tick
                System.out.println(value(text, "instrument") + " " + value(text, "price")
                        + (text.endsWith("\"snapshot\":true}") ? " snapshot" : ""));
            case "retired" -> System.out.println(value(text, "instrument") + " has no price any more");
            case "no_snapshot" -> // what was held before a reconnection is void
                System.out.println(value(text, "room") + " has no price");
            case "conflated" -> System.out.println(value(text, "room") + " " + value(text, "skipped") + " prices left out");
            case "joined" -> {
                joined = true;
                if (text.contains("\"rejected\":")) {
                    System.err.println("not joined: " + text);
                }
            }
            case "mark" -> send(socket, "{\"type\":\"marked\",\"n\":" + value(text, "n") + "}"); // all before it is handled
            case "error" -> {
                System.err.println("error: " + text);
                if (value(text, "id").equals("join") && value(text, "code").equals("rate_limited")) {
                    long wait = ThreadLocalRandom.current().nextInt(pause, 2 * pause);
                    pause = Math.min(pause * 2, 15_000);
                    heard += wait * 1_000_000; // nothing comes until then
                    CompletableFuture.delayedExecutor(wait, TimeUnit.MILLISECONDS).execute(() -> send(socket, join));
                }
            }
            default -> { } // later servers send more
        }
    }

    /** The first value of a key that is a string without escapes, as names are, or a number. */
    private static String value(String text, String key) {
        Matcher m = Pattern.compile("\"" + key + "\":(?:\"([^\"]*)\"|([^,}]*))").matcher(text);
        return !m.find() ? "" : m.group(1) != null ? m.group(1) : m.group(2);
    }

    @Override
    public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
        end.complete(new End(code, "closed with " + code + " " + reason));
        return null;
    }

    @Override
    public void onError(WebSocket socket, Throwable error) { // also a reset, where others have a close with 1006
        end.complete(new End(1006, error instanceof IOException ? error.getMessage() : error.toString()));
    }
}

// Joins, publishes with acks, receives, answers pings and stays.
constant room = "CLIENT Pike";
constant prices = 100;

mapping(string:array(string)) inbox = ([ "consumer": ({}), "ingestor": ({}) ]);
mapping(string:object) sock = ([]);
array(float) took = ({});
object line = System.Timer();
int n = -1;
int stayed;
float begin;

void fail(string why) {
  write("%s\n", why);
  exit(1);
}

object open(string who, string url) {
  object ws = Protocols.WebSocket.Connection();
  ws->onmessage = lambda(Protocols.WebSocket.Frame f) { heard(who, f->text); };
  ws->onclose = lambda(mixed why) { fail(who + " was closed: " + (string)why); };
  ws->onopen = lambda() { if (who == "consumer") ws->send_text(sprintf("{\"type\":\"join\",\"room\":\"%s\"}", room)); };
  if (!ws->connect(Standards.URI(url))) fail("no connection");
  return ws;
}

void publish() {
  n++;
  begin = line->peek();
  sock->ingestor->send_text(sprintf("{\"type\":\"price_update\",\"instrument\":\"%s\",\"price\":%d,\"ts\":%d,\"id\":\"%d\"}", room, n, n, n));
}

int acked, seen;

void heard(string who, string text) {
  mapping m = Standards.JSON.decode(text);
  switch (m->type) {
    case "joined": publish(); return;
    case "ack": took += ({ line->peek() - begin }); acked = 1; break;
    case "price_update": if (m->price != n) fail(text); seen = 1; break;
    default: fail(text);
  }
  if (!acked || !seen) return;
  acked = seen = 0;
  if (n + 1 < prices) publish();
  else if (n + 1 == prices) call_out(publish, 6.0);
  else {
    sort(took);
    write("ok, ack p50 %.2f ms\n", took[prices / 2] * 1000.0);
    exit(0);
  }
}

int main(int argc, array(string) argv) {
  sock->ingestor = open("ingestor", argv[1] + "/ws/ingest");
  sock->consumer = open("consumer", argv[1] + "/ws");
  return -1;
}

# Joins, publishes with acks, receives, answers pings and stays.
require "http/web_socket"
require "json"

room = "CLIENT Crystal"
prices = 100

def open(url : String) : {HTTP::WebSocket, Channel(JSON::Any)}
  inbox = Channel(JSON::Any).new(1000)
  ws = HTTP::WebSocket.new(URI.parse(url))
  ws.on_message { |text| inbox.send(JSON.parse(text)) }
  ws.on_close { |code, reason| abort "closed with #{code} #{reason}" }
  spawn { ws.run }
  {ws, inbox}
end

url = ARGV[0]
consumer, heard = open(url + "/ws")
ingestor, answers = open(url + "/ws/ingest")
consumer.send({type: "join", room: room}.to_json)
abort "not joined" unless heard.receive["type"] == "joined"
took = [] of Float64
publish = ->(n : Int32) do
  begin_at = Time.monotonic
  ingestor.send({type: "price_update", instrument: room, price: n, ts: n, id: n.to_s}.to_json)
  ack = answers.receive
  abort ack.to_json unless ack["type"] == "ack" && ack["id"] == n.to_s
  took << (Time.monotonic - begin_at).total_milliseconds
  price = heard.receive
  abort price.to_json unless price["price"] == n
end
prices.times { |n| publish.call(n) }
sleep 6
publish.call(prices)
printf("ok, ack p50 %.2f ms\n", took.sort[prices // 2])
exit 0

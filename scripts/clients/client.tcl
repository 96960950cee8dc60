# Joins, publishes with acks, receives, answers pings and stays.
package require websocket

set room "CLIENT Tcl"
set prices 100
set inbox(consumer) {}
set inbox(ingestor) {}
set came 0

proc heard {who sock type message} {
    switch $type {
        text { lappend ::inbox($who) $message; incr ::came }
        close - disconnect - error - timeout { puts "$who: $type $message"; exit 1 }
        connect { set ::inbox($who) {}; incr ::came; set ::open($who) 1 }
    }
}
proc next {who pattern} {
    while {[llength $::inbox($who)] == 0} { vwait ::came }
    set message [lindex $::inbox($who) 0]
    set ::inbox($who) [lrange $::inbox($who) 1 end]
    if {![string match $pattern $message]} { puts "$who got $message, not $pattern"; exit 1 }
}
proc publish {n} {
    set begin [clock microseconds]
    websocket::send $::sock(ingestor) text "{\"type\":\"price_update\",\"instrument\":\"$::room\",\"price\":$n,\"ts\":$n,\"id\":\"$n\"}"
    next ingestor "*\"ack\"*\"$n\"*"
    lappend ::took [expr {[clock microseconds] - $begin}]
    next consumer "*\"price\":$n,*"
}

set url [lindex $argv 0]
set sock(consumer) [websocket::open $url/ws {heard consumer}]
set sock(ingestor) [websocket::open $url/ws/ingest {heard ingestor}]
while {[array size open] < 2} { vwait came }
websocket::send $sock(consumer) text "{\"type\":\"join\",\"room\":\"$room\"}"
next consumer *joined*
for {set n 0} {$n < $prices} {incr n} { publish $n }
after 6000 {set stayed 1}
vwait stayed
publish $prices
puts [format "ok, ack p50 %.2f ms" [expr {[lindex [lsort -integer $took] [expr {$prices / 2}]] / 1000.0}]]
exit 0

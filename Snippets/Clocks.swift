// Times that keep causes first, and a set that replicas change without asking one another.

import ColonyClocks
import ColonyCore

let here: NodeID = "berlin-1"

// snippet.show
let clock = HybridLogicalClock()
let otherClock = HybridLogicalClock()
let sent = try clock.next()
let received = try otherClock.receive(sent)  // sent < received, whatever the wall clocks say

var cart = ORSet<String>()
var replica = ORSet<String>()
try replica.merge(cart.add("apples", at: here))
let removal = replica.remove("apples")
try cart.add("apples", at: here)  // added again, while the other replica removes what it has seen
cart.merge(removal)
// snippet.hide

print(received > sent, cart.elements)

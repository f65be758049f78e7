#if ZooKeeper
import ColonyCore
import ColonyZooKeeper
import Testing

@Suite("How long a silent server is waited for")
struct ServerPatienceTests {
    private func moment(_ seconds: Double) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: 1_000_000_000_000).advanced(by: .seconds(seconds))
    }

    private func connected(servers: Int = 3) -> ServerPatience {
        var patience = ServerPatience(timeout: .seconds(10), servers: servers, at: self.moment(0))
        #expect(patience.connected(at: self.moment(0)) == nil)
        #expect(patience.step(at: self.moment(0), server: "a") == .rest)
        return patience
    }

    @Test func `a server that owes an answer is left after a fifth of the timeout`() {
        var patience = self.connected()
        // Long silence without a question is no silence.
        #expect(patience.sent(at: self.moment(60)) == self.moment(62))
        #expect(patience.sent(at: self.moment(61)) == nil)
        #expect(patience.step(at: self.moment(61.9), server: "a") == .lookAgain(at: self.moment(62)))
        #expect(patience.step(at: self.moment(62), server: "a") == .cut)
    }

    @Test func `each answer begins the count anew, and the last one ends it`() {
        var patience = self.connected()
        _ = patience.sent(at: self.moment(0))
        _ = patience.sent(at: self.moment(0))
        patience.answered(at: self.moment(1.5), sentAt: self.moment(0))
        #expect(patience.step(at: self.moment(2), server: "a") == .lookAgain(at: self.moment(3.5)))
        patience.answered(at: self.moment(3), sentAt: self.moment(0))
        #expect(patience.step(at: self.moment(3.5), server: "a") == .rest)
        #expect(patience.sent(at: self.moment(9)) == self.moment(11))
    }

    @Test func `a server that takes the connection and says nothing is left, and one that refuses is not waited for`() {
        var patience = self.connected()
        _ = patience.sent(at: self.moment(0))
        patience.lost()
        #expect(patience.disconnected(at: self.moment(1)) == nil)
        #expect(patience.step(at: self.moment(1), server: "b") == .lookAgain(at: self.moment(1.5)))
        // Another one by now: its time begins when it is first seen.
        #expect(patience.step(at: self.moment(1.5), server: "c") == .lookAgain(at: self.moment(2)))
        #expect(patience.step(at: self.moment(3), server: "c") == .lookAgain(at: self.moment(3.5)))
        #expect(patience.step(at: self.moment(3.5), server: "c") == .cut)
        #expect(patience.step(at: self.moment(4), server: "a") == .lookAgain(at: self.moment(4.5)))
    }

    @Test func `servers that are all slow are given more time with each round, up to the patience of the library`() {
        var patience = self.connected(servers: 2)
        var limits: [Duration] = []
        for round in 0..<8 {
            limits.append(patience.limit)
            let start = Double(100 * (round + 1))
            _ = patience.sent(at: self.moment(start))
            #expect(patience.step(at: self.moment(start + 90), server: "a") == .cut)
            patience.lost()
        }
        #expect(limits.prefix(6) == [.seconds(2), .seconds(2), .seconds(4), .seconds(4), limits[4], limits[4]])
        #expect(limits[4] == limits[7] && limits[4] > .seconds(6.66) && limits[4] < .seconds(6.67))
        // A slow answer leaves it so; a fast one shows that a short patience will do.
        _ = patience.sent(at: self.moment(2000))
        patience.answered(at: self.moment(2003), sentAt: self.moment(2000))
        #expect(patience.limit == limits[7])
        _ = patience.sent(at: self.moment(2004))
        patience.answered(at: self.moment(2005), sentAt: self.moment(2004))
        #expect(patience.limit == .seconds(2))
    }
}
#endif

import ColonyCaches
import ColonyCore
import ColonyMemcached
import Foundation
import Testing

@Suite("Commands for memcached are written")
struct MetaRequestTests {
    @Test func `each command has its flags`() throws {
        var request = MetaRequest()
        let key = try MetaKey("a")
        request.get(key, opaque: 0)
        request.set(key, Array("v\r\n".utf8), expiry: 60, opaque: 1)
        request.set(key, [], expiry: 0, mode: .add, opaque: 2)
        request.set(key, [], expiry: 0, mode: .compare(9), opaque: 3)
        request.delete(key, opaque: 4)
        request.delete(try MetaKey("a b"), ifVersion: 5, opaque: 6)
        request.fence()
        #expect(
            String(decoding: request.bytes, as: UTF8.self)
                == "mg a v c t q O0\r\nms a 3 T60 q O1\r\nv\r\n\r\nms a 0 T0 ME c O2\r\n\r\nms a 0 T0 C9 c O3\r\n\r\n"
                + "md a O4\r\nmd YSBi C5 b O6\r\nmn\r\n")
    }

    @Test func `base64 is that of Foundation`() {
        for count in 0..<70 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 37 + 200) }
            #expect(Base64.encode(bytes) == Array(Data(bytes).base64EncodedString().utf8))
        }
    }

    @Test func `a key that cannot be written is refused with its text`() throws {
        _ = try MetaKey(CacheKey(String(repeating: "k", count: 250)))
        _ = try MetaKey(CacheKey(String(repeating: "é", count: 125)))
        let longest = try MetaKey(CacheKey(String(repeating: "k ", count: 93)))
        #expect(longest.bytes.count == 248)
        let key = try CacheKey(String(repeating: "k ", count: 93) + "x")
        let error = try #require(throws: CacheError.self) { try MetaKey(key) }
        #expect(error.code == .invalidRequest)
        #expect(error.message.contains(key.rawValue) && error.message.contains("187"))
    }

    @Test(
        arguments: [
            (nil, 0), (.nanoseconds(1), 1), (.milliseconds(999), 1), (.seconds(1), 2), (.milliseconds(1_001), 2),
            (.seconds(2_591_999), 2_592_000),
            // Above 30 days: the point at which they end.
            (.seconds(2_592_000), 1_700_000_000 + 2_592_001), (.seconds(2_592_001), 1_700_000_000 + 2_592_002),
            (.seconds(Int64.max), Int64(Int32.max)), (.seconds(400_000_000), 2_100_000_001),
        ] as [(Duration?, Int64)])
    func `a time to live is the next whole second above it, or a point in time`(time: Duration?, token: Int64) throws {
        let now = WallTime(millisecondsSince1970: 1_700_000_000_999)
        #expect(try MetaExpiry.token(for: time, key: "k", at: now) == token)
    }

    @Test(arguments: [Duration.zero, .seconds(-1), .nanoseconds(-1)])
    func `a time that is not above zero is refused`(time: Duration) throws {
        let error = try #require(throws: CacheError.self) {
            try MetaExpiry.token(for: time, key: "k", at: WallTime(millisecondsSince1970: 0))
        }
        #expect(error.code == .invalidRequest && error.message.contains("\(time)"))
    }

    @Test func `a civil clock before 1970 does not make a long time short`() throws {
        let token = try MetaExpiry.token(
            for: .seconds(2_592_001), key: "k", at: WallTime(millisecondsSince1970: -9_000_000_000))
        #expect(token > MetaExpiry.longestRelativeSeconds)
    }
}

@Suite("A link decides when to connect")
struct LinkStateTests {
    private let backoff = Backoff(initial: .seconds(1), maximum: .seconds(1), multiplier: 1)

    private func expect(_ state: inout LinkState, at now: MonotonicInstant, _ expected: LinkState.Directive) {
        let directive = state.call(at: now)
        #expect(directive == expected)
    }

    @Test func `one attempt serves all calls, and after it they are sent`() {
        var state = LinkState(backoff: self.backoff)
        let now = MonotonicInstant(nanoseconds: 0)
        self.expect(&state, at: now, .connectAndWait)
        self.expect(&state, at: now, .wait)
        let isWanted = state.connected()
        #expect(isWanted)
        self.expect(&state, at: now, .send)
        state.disconnected()
        self.expect(&state, at: now, .connectAndWait)
    }

    @Test func `after a failed attempt calls fail at once until the next is due`() throws {
        var state = LinkState(backoff: self.backoff)
        var generator = Seeded(state: 1)
        let start = MonotonicInstant(nanoseconds: 0)
        self.expect(&state, at: start, .connectAndWait)
        state.failedToConnect("it is gone", at: start, using: &generator)
        guard case .failed(_, let retryAt) = state.phase else {
            Issue.record("\(state.phase)")
            return
        }
        #expect(retryAt > start && retryAt <= start.advanced(by: .seconds(1)))
        guard case .fail(.unavailable, let message) = state.call(at: start) else {
            Issue.record("the call was not refused")
            return
        }
        #expect(message.contains("it is gone"))
        self.expect(&state, at: retryAt, .connectAndWait)
    }

    @Test func `a connection that comes after the end is not wanted`() {
        var state = LinkState(backoff: self.backoff)
        let now = MonotonicInstant(nanoseconds: 0)
        self.expect(&state, at: now, .connectAndWait)
        state.close()
        let isWanted = state.connected()
        #expect(!isWanted)
        self.expect(&state, at: now, .fail(.closed, "the cache tier was closed"))
    }
}

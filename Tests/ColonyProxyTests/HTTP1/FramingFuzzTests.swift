import ColonyProxy
import ColonySimulation
import Foundation
import NIOCore
import Testing

/// Messages of the corpus, spoilt by chance, and laws that hold for every one of them.
///
/// `COLONY_FRAMING_INPUTS` is the number of inputs and `COLONY_FRAMING_SEED` the seed, where others than those of a short
/// run are wanted.
@Suite("Framing of HTTP/1.1 under spoilt messages")
struct FramingFuzzTests {
    private static let environment = ProcessInfo.processInfo.environment
    private static let inputs = environment["COLONY_FRAMING_INPUTS"].flatMap { Int($0) } ?? 200_000
    private static let seed = environment["COLONY_FRAMING_SEED"].flatMap { Seed($0) } ?? 0x0F_8A_41_16

    @Test("what is accepted has one framing, is written with the same, and does not depend on cuts")
    func requestsAndResponses() throws {
        var spoiler = Spoiler(seed: Self.seed)
        let memory = try GuardedMemory(capacity: 1 << 16)
        var accepted = 0
        var refused = 0
        for number in 0..<Self.inputs {
            let (bytes, method) = spoiler.next()
            let cut = spoiler.place(in: bytes.count)
            let whole = WireReading.events(bytes, in: memory, answering: method)
            let halves = WireReading.events(bytes, cutAt: [cut], in: memory, answering: method)
            if whole != halves {
                Issue.record("\(Self.seed) input \(number) cut at \(cut): \(whole), \(halves): \(Self.show(bytes))")
                return
            }
            let complaint = method.map { Self.checkResponse(bytes, $0, memory) } ?? Self.checkRequest(bytes, memory)
            switch complaint {
            case .accepted: accepted += 1
            case .refused: refused += 1
            case .broken(let law):
                Issue.record("\(Self.seed) input \(number): \(law): \(Self.show(bytes))")
                return
            }
        }
        // The spoiler would be of no use if all of its messages met the same end.
        #expect(accepted > Self.inputs / 20 && refused > Self.inputs / 20, "\(accepted) accepted, \(refused) refused")
    }

    @Test("bodies in chunks are read as by a plain reader")
    func chunks() throws {
        var spoiler = Spoiler(seed: Self.seed)
        let memory = try GuardedMemory(capacity: 1 << 16)
        var valid = 0
        for number in 0..<(Self.inputs / 2) {
            let bytes = spoiler.nextBody()
            var scanner = ChunkedScanner()
            var data: [UInt8] = []
            let (used, state) = memory.holding(bytes) { bytes in scanner.scan(bytes) { data += bytes[$0] } }
            let plain = PlainChunks.read(bytes)
            if state == .complete { valid += 1 }
            // The scanner has limits and forbids some trailers, so it may refuse what the grammar has.
            let isSame =
                state == .complete ? plain?.used == used && plain?.data == data : plain == nil || Self.isRule(state)
            if !isSame || (state == .complete && scanner.decodedBytes != UInt64(data.count)) {
                Issue.record(
                    "\(Self.seed) body \(number): \(state), plainly \(String(describing: plain)): \(Self.show(bytes))")
                return
            }
        }
        #expect(valid > Self.inputs / 100)
    }

    private static func isRule(_ state: BodyState) -> Bool {
        switch state {
        case .failed(.forbiddenTrailer), .failed(.trailersTooLarge), .failed(.extensionTooLong), .failed(.bodyTooLarge):
            true
        case .failed, .needMore, .complete: false
        }
    }

    private enum Verdict {
        case accepted, refused
        case broken(String)
    }

    private static func checkRequest(_ bytes: [UInt8], _ memory: GuardedMemory) -> Verdict {
        var parser = RequestHeadParser()
        var out = ByteBuffer()
        let outcome = memory.holding(bytes) { bytes in
            let outcome = parser.parse(bytes)
            if case .complete = outcome { parser.write(bytes, to: &out, rewrite: RequestRewrite()) }
            return outcome
        }
        guard case .complete(let length) = outcome else { return .refused }
        HeadEnd.write(to: &out)
        let (head, written) = (parser.head, Array(out.readableBytesView))
        // Names with underscores are left out of what is written, not refused.
        if !bytes.contains(UInt8(ascii: "_")), !LenientReading(bytes[..<length]).agrees(with: head.framing) {
            return .broken("two framings as it came")
        }
        let reading = LenientReading(written)
        guard reading.agrees(with: head.framing) else { return .broken("two framings as it is written") }
        guard reading.hosts == 1 else { return .broken("\(reading.hosts) hosts are written") }
        var again = RequestHeadParser(limits: HeadLimits(maximumHeadBytes: 1 << 16, maximumFields: 110))
        let second = memory.holding(written) { again.parse($0) }
        guard second == .complete(length: written.count) else { return .broken("written, it is \(second)") }
        guard again.head.framing == head.framing, again.head.method == head.method, again.head.version == .http11,
            again.head.isPersistent, !again.head.requestsUpgrade
        else { return .broken("written, it is \(again.head), not \(head)") }
        return .accepted
    }

    private static func checkResponse(
        _ bytes: [UInt8], _ method: RequestMethod, _ memory: GuardedMemory
    ) -> Verdict {
        var parser = ResponseHeadParser()
        var out = ByteBuffer()
        let outcome = memory.holding(bytes) { bytes in
            let outcome = parser.parse(bytes, answering: method)
            if case .complete = outcome { parser.write(bytes, to: &out, rewrite: ResponseRewrite()) }
            return outcome
        }
        guard case .complete = outcome else { return .refused }
        HeadEnd.write(to: &out)
        let written = Array(out.readableBytesView)
        var again = ResponseHeadParser(limits: HeadLimits(maximumHeadBytes: 1 << 16, maximumFields: 110))
        let second = memory.holding(written) { again.parse($0, answering: method) }
        guard second == .complete(length: written.count) else { return .broken("written, it is \(second)") }
        guard again.head.framing == parser.head.framing, again.head.status == parser.head.status else {
            return .broken("written, it is \(again.head), not \(parser.head)")
        }
        return .accepted
    }

    private static func show(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self).debugDescription }
}

/// Spoils messages.
private struct Spoiler {
    private var chance: SeededGenerator
    private let messages = FramingCorpus.all.filter { $0.bytes.count < 1_000 }
    private let bodies = FramingCorpus.chunkedBodies.filter { $0.bytes.count < 1_000 }
    private static let pieces: [[UInt8]] = [
        "\r\n", "\n", "\r", "\r\n\r\n", " ", "\t", ":", ",", ";", "\u{0}", "0", "5", "f", "_", "-", "/", "?", "#", "%",
        "Content-Length: 5\r\n", "Content-Length: 0\r\n", "Transfer-Encoding: chunked\r\n", "Transfer-Encoding:",
        "chunked", "gzip, ", "Connection: close\r\n", "Connection: upgrade\r\nUpgrade: websocket\r\n", "Host: b\r\n",
        "Expect: 100-continue\r\n", "0\r\n\r\n", "1\r\nx\r\n", "HTTP/1.1", "HTTP/1.0", "http://b/",
        "GET / HTTP/1.1\r\n",
        "X-A: b\r\n", "\r\n ", "TE: trailers\r\n", "Connection: X-A\r\n", "X_Forwarded_For: c\r\n", "7fffffffffffffff",
    ].map { Array($0.utf8) }

    init(seed: Seed) { self.chance = SeededGenerator(seed: seed) }

    mutating func place(in count: Int) -> Int { Int.random(in: 0...count, using: &self.chance) }

    private mutating func pick(_ count: Int) -> Int { Int.random(in: 0..<count, using: &self.chance) }

    mutating func next() -> (bytes: [UInt8], method: RequestMethod?) {
        let item = self.messages[self.pick(self.messages.count)]
        return (self.spoil(item.bytes), item.method)
    }

    /// A body alone: what stands behind the head of a message.
    mutating func nextBody() -> [UInt8] {
        let bytes = self.bodies[self.pick(self.bodies.count)].bytes
        let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".utf8.count
        return self.spoil(Array(bytes[head...]))
    }

    private mutating func spoil(_ message: [UInt8]) -> [UInt8] {
        var bytes = message
        for _ in 0..<self.pick(4) {
            let at = self.place(in: bytes.count)
            switch self.pick(7) {
            case 0: if at < bytes.count { bytes[at] = UInt8(self.pick(256)) }
            case 1: bytes.insert(UInt8(self.pick(256)), at: at)
            case 2, 3: bytes.insert(contentsOf: Self.pieces[self.pick(Self.pieces.count)], at: at)
            case 4: bytes.removeSubrange(at..<min(bytes.count, at + 1 + self.pick(4)))
            case 5: self.insertLine(&bytes)
            default: if at < bytes.count { bytes[at] ^= 0x20 }
            }
        }
        return bytes
    }

    /// Puts a piece where a line begins, which chance alone seldom meets.
    private mutating func insertLine(_ bytes: inout [UInt8]) {
        let starts = bytes.indices.filter { $0 > 1 && bytes[$0 - 1] == 0x0A }
        if starts.isEmpty { return }
        bytes.insert(contentsOf: Self.pieces[self.pick(Self.pieces.count)], at: starts[self.pick(starts.count)])
    }
}

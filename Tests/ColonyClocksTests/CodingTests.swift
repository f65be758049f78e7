import ColonyClocks
import ColonyCore
import ColonySimulation
import Foundation
import Testing

@Suite("Encodings")
struct CodingTests {
    private func text(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    private func value<T: Decodable>(_ type: T.Type, of json: String) throws -> T {
        try JSONDecoder().decode(type, from: Data(json.utf8))
    }

    /// Decoding fails with an error of this module that says `words`.
    private func refuses<T: Decodable>(
        _ type: T.Type, _ json: String, saying words: String, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let error = #expect(throws: DecodingError.self, sourceLocation: sourceLocation) {
            try self.value(type, of: json)
        }
        guard case .dataCorrupted(let context) = error else {
            Issue.record("not corrupt data: \(String(describing: error))", sourceLocation: sourceLocation)
            return
        }
        #expect((context.underlyingError as? ClockError)?.code == .malformedValue, sourceLocation: sourceLocation)
        #expect(context.debugDescription.contains(words), "\(context.debugDescription)", sourceLocation: sourceLocation)
    }

    @Test("each type has the form that its documentation shows")
    func forms() throws {
        let stamp = WriteStamp(time: try HybridTimestamp("0199b3c2f4a1-0003"), node: node(0))
        #expect(try self.text(stamp.time) == #""0199b3c2f4a1-0003""#)
        #expect(try self.text(VectorClock([node(1): 1, node(0): 3])) == #"{"a":3,"b":1}"#)
        #expect(try self.text(LamportTimestamp(time: 3, node: node(0))) == #"{"node":"a","time":3}"#)
        var up = GCounter()
        try up.increment(by: 3, at: node(0))
        #expect(try self.text(up) == #"{"a":3}"#)
        var both = PNCounter()
        try both.add(3, at: node(0))
        try both.add(-1, at: node(1))
        #expect(try self.text(both) == #"{"down":{"b":1},"up":{"a":3}}"#)
        var last = LWWRegister<Int>()
        #expect(try self.text(last) == "{}")
        last.set(7, at: stamp)
        #expect(try self.text(last) == #"{"stamp":{"node":"a","time":"0199b3c2f4a1-0003"},"value":7}"#)
        var many = MVRegister<Int>()
        try many.set(7, at: node(0))
        #expect(
            try self.text(many) == #"{"context":{"counts":{"a":1}},"values":[{"node":"a","number":1,"value":7}]}"#)
        var set = ORSet<String>()
        try set.add("x", at: node(0))
        #expect(
            try self.text(set)
                == #"{"context":{"counts":{"a":1}},"elements":[{"dots":[{"node":"a","number":1}],"element":"x"}]}"#)
        var map = LWWMap<String, Int>()
        map.remove("k", at: stamp)
        #expect(try self.text(map) == #"[{"key":"k","stamp":{"node":"a","time":"0199b3c2f4a1-0003"}}]"#)
        var versions = DottedVersionVectorSet<Int>()
        try versions.update(7, context: VectorClock(), at: node(0))
        #expect(try self.text(versions) == #"[{"count":1,"node":"a","values":[7]}]"#)
    }

    @Test("counts that JavaScript would round are text, and all come back as they were")
    func largeCounts() throws {
        for count: UInt64 in [1, (1 << 53) - 1, 1 << 53, .max] {
            let clock = VectorClock([node(0): count])
            let json = try self.text(clock)
            #expect(json == (count < 1 << 53 ? #"{"a":\#(count)}"# : #"{"a":"\#(count)"}"#))
            #expect(try self.value(VectorClock.self, of: json) == clock)
        }
        let late = LamportTimestamp(time: .max, node: node(0))
        #expect(try self.text(late) == #"{"node":"a","time":"18446744073709551615"}"#)
        #expect(try self.value(LamportTimestamp.self, of: self.text(late)) == late)
    }

    @Test("random states come back as they were", arguments: seeds.prefix(100))
    func roundTrips(seed: Seed) throws {
        var chance = SeededGenerator(seed: seed)
        func check<State: Replicated & Codable>(_ type: State.Type, _ change: Replicas<State>.Change) throws
        where State.Delta == State {
            let replicas = try Replicas(count: 3, steps: 60, chance: &chance, change: change)
            for state in replicas.states + replicas.deltas {
                #expect(try self.value(type, of: self.text(state)) == state, "\(seed)")
            }
        }
        try check(PNCounter.self) { state, node, chance in try state.add(.random(in: -5...5, using: &chance), at: node)
        }
        try check(MVRegister<Int>.self) { state, node, chance in
            try state.set(Int.random(in: 0...9, using: &chance), at: node)
        }
        try check(ORSet<Int>.self) { state, node, chance in
            let element = Int.random(in: 0...5, using: &chance)
            return chance.happens(withProbability: 0.3) ? state.remove(element) : try state.add(element, at: node)
        }
        try check(LWWMap<String, Int?>.self) { state, node, chance in
            let stamp = WriteStamp(time: HybridTimestamp(rawValue: chance.next()), node: node)
            let key = String(Int.random(in: 0...5, using: &chance))
            switch Int.random(in: 0...2, using: &chance) {
            case 0: return state.remove(key, at: stamp)
            case 1: return state.set(nil, forKey: key, at: stamp)
            default: return state.set(3, forKey: key, at: stamp)
            }
        }
        try check(LWWRegister<Int?>.self) { state, node, chance in
            let stamp = WriteStamp(time: HybridTimestamp(rawValue: chance.next()), node: node)
            return state.set(Bool.random(using: &chance) ? nil : 3, at: stamp)
        }
    }

    @Test("tables that are not canonical, negative, or badly named are refused with the reason")
    func malformedCounts() {
        self.refuses(VectorClock.self, #"{"a":0}"#, saying: "the entry of node a is zero")
        self.refuses(VectorClock.self, #"{"a":-3}"#, saying: "the count -3 is negative")
        self.refuses(VectorClock.self, #"{"a":1.5}"#, saying: "a count is a whole number")
        self.refuses(VectorClock.self, #"{"a":"07"}"#, saying: #""07" is no count"#)
        self.refuses(VectorClock.self, #"{"a":"18446744073709551616"}"#, saying: "is no count")
        self.refuses(VectorClock.self, #"{"a":true}"#, saying: "a count is a whole number")
        self.refuses(VectorClock.self, #"{"a\u0007":1}"#, saying: "control character U+0007")
        self.refuses(VectorClock.self, #"{"":1}"#, saying: "it is empty")
        self.refuses(GCounter.self, #"{"a":-1}"#, saying: "the count -1 is negative")
        self.refuses(PNCounter.self, #"{"up":{},"down":{"a":-1}}"#, saying: "negative")
        self.refuses(LamportTimestamp.self, #"{"node":"a","time":-1}"#, saying: "negative")
        self.refuses(Dot.self, #"{"node":"a","number":0}"#, saying: "numbered from 1")
        #expect(throws: DecodingError.self) { try self.value(VectorClock.self, of: "[]") }
        #expect(throws: DecodingError.self) { try self.value(PNCounter.self, of: #"{"up":{}}"#) }
    }

    @Test("states that contradict themselves are refused with the reason")
    func malformedStates() {
        self.refuses(HybridTimestamp.self, #""0199""#, saying: "is no hybrid timestamp")
        #expect(throws: DecodingError.self) { try self.value(HybridTimestamp.self, of: "123") }
        self.refuses(LWWRegister<Int>.self, #"{"value":1}"#, saying: "no stamp")

        let dot = #"{"node":"a","number":2}"#
        self.refuses(
            ORSet<Int>.self, #"{"context":{"counts":{"a":1}},"elements":[{"element":1,"dots":[\#(dot)]}]}"#,
            saying: "the context does not hold the addition a:2")
        self.refuses(
            ORSet<Int>.self, #"{"context":{"counts":{"a":2}},"elements":[{"element":1,"dots":[]}]}"#,
            saying: "no addition")
        self.refuses(
            ORSet<Int>.self, #"{"context":{"counts":{"a":2}},"elements":[{"element":1,"dots":[\#(dot),\#(dot)]}]}"#,
            saying: "twice")
        self.refuses(
            ORSet<Int>.self,
            #"{"context":{"counts":{"a":2}},"elements":[{"element":1,"dots":[\#(dot)]},{"element":1,"dots":[\#(dot)]}]}"#,
            saying: "an element stands there twice")
        self.refuses(
            ORSet<Int>.self, #"{"context":{"counts":{"a":1},"singles":[\#(dot)]},"elements":[]}"#,
            saying: "does not stand alone")
        self.refuses(
            ORSet<Int>.self, #"{"context":{"counts":{},"singles":[\#(dot),\#(dot)]},"elements":[]}"#, saying: "twice")
        self.refuses(
            MVRegister<Int>.self, #"{"context":{"counts":{}},"values":[{"node":"a","number":1,"value":7}]}"#,
            saying: "the context does not hold the write a:1")
        self.refuses(
            DottedVersionVectorSet<Int>.self, #"[{"node":"a","count":1,"values":[1,2]}]"#, saying: "2 versions of 1")
        self.refuses(
            DottedVersionVectorSet<Int>.self,
            #"[{"node":"b","count":1,"values":[]},{"node":"a","count":1,"values":[]}]"#, saying: "in the order of names"
        )
        self.refuses(
            LWWMap<String, Int>.self,
            #"[{"key":"k","stamp":{"node":"a","time":"000000000001-0000"}},{"key":"k","stamp":{"node":"a","time":"000000000002-0000"}}]"#,
            saying: "two entries for one key")
    }
}

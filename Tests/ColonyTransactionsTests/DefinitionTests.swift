import ColonyCore
import ColonyTransactions
import Synchronization
import Testing

@Suite("The definition of a saga")
struct DefinitionTests {
    private func expect(_ words: String, _ body: () throws -> Void) {
        let error = #expect(throws: TransactionError.self) { try body() }
        #expect(error?.code == .invalidDefinition)
        #expect(error?.message.contains(words) == true, "\(error.map { "\($0)" } ?? "")")
    }

    @Test func `names steps without a colon, so that no two calls have one key`() throws {
        // Not as a literal, which would be one of the program.
        let name = "b:c"
        let error = #expect(throws: InvalidName.self) { try StepName(name) }
        #expect(error?.reason.contains("colon") == true)
        self.expect("\"b:c\" cannot be a step name") {
            _ = try Saga<Int, Int>("order") { $0.read("b:c") { $0.input } }
        }
    }

    @Test func `that cannot work is refused when it is made, with the words that are wrong`() throws {
        self.expect("two steps of the name \"stock\"") {
            _ = try Saga<Int, Int>("order") { saga in
                saga.step("stock") { _ in
                } compensation: { _ in
                }
                return saga.read("stock") { $0.input }
            }
        }
        self.expect("has no step") {
            _ = try Saga<Int, Int>("order") { saga in saga.result { $0.input } }
        }
        self.expect("version 0") { _ = try Saga<Int, Int>("order", version: 0) { $0.read("a") { $0.input } } }
        self.expect("definition name") { _ = try Saga<Int, Int>("") { $0.read("a") { $0.input } } }
        self.expect("step name") { _ = try Saga<Int, Int>("order") { $0.read("a\u{7}b") { $0.input } } }
        self.expect("greater than zero") {
            _ = try Saga<Int, Int>("order", timeout: .zero) { $0.read("a") { $0.input } }
        }
        self.expect("cannot turn back") {
            let policy = try StepPolicy(attempts: 3, exhaustion: .turnBack)
            _ = try Saga<Int, Int>("order") { saga in
                let (last, _) = saga.pivot("last", policy: policy) { $0.input }
                return last
            }
        }
        self.expect("257 steps") {
            _ = try Saga<Int, Int>("order") { saga in
                for number in 0..<256 { saga.read("s\(number)") { $0.input } }
                return saga.read("last") { $0.input }
            }
        }
        self.expect("cannot be a part") {
            let inner = try Saga<Int, Int>("inner") { saga in
                let (last, _) = saga.pivot("last") { $0.input }
                return last
            }
            _ = try Saga<Int, Int>("outer") { saga in saga.nested("inner", inner) { $0.input } }
        }
        self.expect("a time of 9.0 seconds, which it cannot have as a part of \"outer\"") {
            let inner = try Saga<Int, Int>("inner", timeout: .seconds(9)) { $0.read("a") { $0.input } }
            _ = try Saga<Int, Int>("outer") { saga in saga.nested("inner", inner) { $0.input } }
        }
        self.expect("another definition") {
            var stolen: StepOutput<Int>?
            _ = try Saga<Int, Int>("one") { saga in
                let output = saga.read("a") { $0.input }
                stolen = output
                return output
            }
            let output = try #require(stolen)
            _ = try Saga<Int, Int>("other") { saga in
                saga.read("a") { $0.input }
                return output
            }
        }
        self.expect("0.0 seconds is not possible as the time of a call") { _ = try StepPolicy(timeout: .zero) }
        self.expect("0 is not possible as the number of attempts") { _ = try StepPolicy(attempts: 0) }
    }

    @Test func `a step that uses what another definition gives is stuck, and says so`() throws {
        try Stage.play { stage in
            let box = Mutex<StepOutput<String>?>(nil)
            _ = try Saga<String, String>("one") { saga in
                let output = saga.read("given") { $0.input }
                box.withLock { $0 = output }
                return output
            }
            let stolen = try #require(box.withLock { $0 })
            let saga = try Saga<String, String>("other") { saga in
                saga.read("first") { $0.input }
                return saga.read("second") { call in try call[stolen] }
            }
            let coordinator = try stage.coordinator([saga])
            try await coordinator.run {
                let failure = await #expect(throws: TransactionFailure.self) {
                    _ = try await coordinator.execute(saga, "a")
                }
                #expect(failure?.state == .stuck)
                #expect(failure?.reason.contains("\"given\" of another definition") == true, "\(failure?.reason ?? "")")
            }
        }
    }

    @Test func `names in keys are as long as they may be, and no longer`() throws {
        let id = try TransactionID(String(repeating: "t", count: 100))
        let step = try StepName(String(repeating: "s", count: 100))
        #expect("\(id):\(step):compensation".utf8.count <= 255)
        #expect(throws: InvalidName.self) { try TransactionID(String(repeating: "t", count: 101)) }
        #expect(throws: InvalidName.self) { try StepName(String(repeating: "s", count: 101)) }
        #expect(TransactionID.unique() != TransactionID.unique())
    }
}

@Suite("Entries of a journal as bytes")
struct JournalEntryCodingTests {
    private static let entries: [JournalEntry] = [
        .started(step: 0), .completed(step: 255, output: [0, 255]), .completed(step: 1, output: []),
        .refused(step: 3, reason: "é", leavesEffects: true), .refused(step: 3, reason: "", leavesEffects: false),
        .failed(step: 1, direction: .compensation, attempt: 1 << 40, reason: "x"),
        .turnedBack(.timedOut, reason: "late"), .compensated(step: 2), .stuck(step: 2, direction: .action, reason: "r"),
        .intervened(.retry, by: "ann", note: ""), .intervened(.turnBack, by: "ann", note: "n"),
        .intervened(.skip(output: nil), by: "a", note: ""), .intervened(.skip(output: [1]), by: "a", note: ""),
        .intervened(.resolve(.compensated), by: "a", note: ""), .finished(.completed),
    ].enumerated().map { JournalEntry(at: WallTime(millisecondsSince1970: Int64($0) * 7_919 - 30_000), $1) }

    @Test func `come back as they were`() throws {
        #expect(try JournalEntryCoding.decode(JournalEntryCoding.encode(Self.entries)) == Self.entries)
        #expect(try JournalEntryCoding.decode(JournalEntryCoding.encode([JournalEntry]())) == [])
        let outline = [
            StepOutline("one", .compensable, after: [], hasCompensation: true),
            StepOutline("two", .pivot, after: [0], compensatesRefused: true),
            StepOutline("three", .computed, after: [0, 1]),
        ]
        #expect(try JournalEntryCoding.outline(JournalEntryCoding.encode(outline)) == outline)
    }

    @Test func `that were damaged are refused, or are other entries, and nothing stops the program`() throws {
        let bytes = JournalEntryCoding.encode(Self.entries)
        for length in 0..<bytes.count {
            #expect(throws: JournalEntryCoding.Damage.self) {
                try JournalEntryCoding.decode(Array(bytes[..<length]))
            }
        }
        for index in bytes.indices {
            for bit in 0..<8 {
                var damaged = bytes
                damaged[index] ^= 1 << bit
                if let entries = try? JournalEntryCoding.decode(damaged) { #expect(entries != Self.entries) }
            }
        }
    }
}

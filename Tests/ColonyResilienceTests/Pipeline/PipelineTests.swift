import ColonyCore
import ColonyResilience
import ColonySimulation
import Synchronization
import Testing

@Suite("Pipelines")
struct PipelineTests {
    /// Notes when a call enters and leaves.
    final class Diary: Sendable {
        private let lines = Mutex<[String]>([])

        var entries: [String] { self.lines.withLock { $0 } }

        func note(_ line: String) { self.lines.withLock { $0.append(line) } }
    }

    struct Mark: ResilienceLayer {
        let name: String
        let diary: Diary

        func execute<Value: Sendable>(_ operation: @Sendable () async throws -> Value) async throws -> Value {
            self.diary.note("+\(self.name)")
            defer { self.diary.note("-\(self.name)") }
            return try await operation()
        }
    }

    struct Broken: Error {}

    let diary = Diary()

    @Test func `the first layer sees a call first and its result last`() async throws {
        let pipeline = Pipeline {
            Mark(name: "a", diary: self.diary)
            Mark(name: "b", diary: self.diary)
            Mark(name: "c", diary: self.diary)
        }
        let value = try await pipeline.execute {
            self.diary.note("work")
            return 7
        }
        #expect(value == 7)
        #expect(self.diary.entries == ["+a", "+b", "+c", "work", "-c", "-b", "-a"])
    }

    @Test func `errors pass through every layer as they are`() async throws {
        let pipeline = Pipeline {
            Mark(name: "a", diary: self.diary)
            Mark(name: "b", diary: self.diary)
        }
        await #expect(throws: Broken.self) { try await pipeline.execute { throw Broken() } }
        #expect(self.diary.entries == ["+a", "+b", "-b", "-a"])
    }

    @Test(arguments: [false, true])
    func `layers may depend on configuration`(isOn: Bool) async throws {
        let pipeline = Pipeline {
            if isOn { Mark(name: "optional", diary: self.diary) }
            if isOn {
                Mark(name: "yes", diary: self.diary)
            } else {
                try? Timeout(.seconds(1))
            }
        }
        try await pipeline.execute {}
        #expect(self.diary.entries == (isOn ? ["+optional", "+yes", "-yes", "-optional"] : []))
    }

    @Test func `a pipeline is a layer of another`() async throws {
        let inner = Pipeline { Mark(name: "b", diary: self.diary) }
        let outer = Pipeline {
            Mark(name: "a", diary: self.diary)
            inner
        }
        try await outer.execute {}
        #expect(self.diary.entries == ["+a", "+b", "-b", "-a"])
    }

    @Test func `one pipeline serves operations of any type`() async throws {
        let pipeline = Pipeline { Mark(name: "a", diary: self.diary) }
        #expect(try await pipeline.execute { 1 } == 1)
        #expect(try await pipeline.execute { "one" } == "one")
        #expect(try await pipeline.execute { [Double]() }.isEmpty)
    }

    @Test func `a fallback answers what goes wrong, and learns why`() async throws {
        let pipeline = Pipeline { Mark(name: "a", diary: self.diary) }
        let value = try await pipeline.execute { () -> String in
            throw Broken()
        } fallback: { error in
            #expect(error is Broken)
            return "from the cache"
        }
        #expect(value == "from the cache")
        let fine = try await pipeline.execute {
            "fresh"
        } fallback: { _ in
            "from the cache"
        }
        #expect(fine == "fresh")
    }

    @Test func `a fallback does not answer a caller that has given up`() async throws {
        let pipeline = try Pipeline { try Timeout(.seconds(5)) }
        let call = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await pipeline.execute {
                try Task.checkCancellation()
                return 1
            } fallback: { _ in
                2
            }
        }
        await #expect(throws: CancellationError.self) { try await call.value }
    }
}

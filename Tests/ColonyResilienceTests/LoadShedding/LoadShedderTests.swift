import ColonyCore
import ColonyResilience
import ColonySimulation
import Synchronization
import Testing

@Suite("A load shedder")
struct LoadShedderTests {
    /// A load that is set by hand.
    final class Load: Sendable {
        private let number = Mutex((load: 0.0, measured: 0))

        func set(_ load: Double) { self.number.withLock { $0.load = load } }

        var measured: Int { self.number.withLock(\.measured) }

        var signal: LoadSignal {
            LoadSignal {
                self.number.withLock { number in
                    number.measured += 1
                    return number.load
                }
            }
        }
    }

    let clock = ManualClock()
    let load = Load()

    func makeShedder(rise: Double = 0.25, seed: Seed = 5) throws -> LoadShedder {
        LoadShedder(
            try LoadShedderOptions(high: 0.9, low: 0.6, rise: rise, fall: 0.1), by: self.load.signal, name: "api",
            clock: self.clock, generator: SeededGenerator(seed: seed))
    }

    /// Lets so many samples of a load pass.
    func pass(_ samples: Int, load: Double, of shedder: LoadShedder) {
        self.load.set(load)
        for _ in 0..<samples {
            self.clock.advance(by: .milliseconds(100))
            try? shedder.admit(.critical)
        }
    }

    func admitted(_ shedder: LoadShedder) -> [CallPriority] {
        CallPriority.allCases.filter { (try? shedder.admit($0)) != nil }
    }

    @Test func `it sheds the lowest priorities first as load lasts, and critical calls never`() throws {
        let shedder = try self.makeShedder()
        #expect(self.admitted(shedder) == CallPriority.allCases)
        self.pass(4, load: 1, of: shedder)
        #expect(self.admitted(shedder) == [.normal, .important, .critical])
        self.pass(4, load: 1, of: shedder)
        #expect(self.admitted(shedder) == [.important, .critical])
        self.pass(100, load: 50, of: shedder)
        #expect(self.admitted(shedder) == [.critical])
        #expect(shedder.snapshot.depth == 3)
        #expect(shedder.snapshot.shed == [.sheddable: 3, .normal: 2, .important: 1, .critical: 0])
    }

    @Test func `between the marks nothing changes, below the lower one it stops in the opposite order`() throws {
        let shedder = try self.makeShedder(rise: 1)
        self.pass(2, load: 1, of: shedder)
        self.pass(1_000, load: 0.75, of: shedder)
        #expect(shedder.snapshot.depth == 2)
        self.pass(11, load: 0.5, of: shedder)
        #expect(shedder.snapshot.depth < 1)
        #expect(self.admitted(shedder).contains(.normal))
        self.pass(10, load: 0.5, of: shedder)
        #expect(shedder.snapshot.depth == 0)
        #expect(self.admitted(shedder) == CallPriority.allCases)
    }

    @Test func `of the priority at the edge a share is shed, and a seed repeats it`() throws {
        func run() throws -> [Bool] {
            let shedder = try self.makeShedder()
            self.pass(1, load: 1, of: shedder)
            return (0..<2_000).map { _ in (try? shedder.admit(.sheddable)) == nil }
        }
        let first = try run()
        #expect(try run() == first)
        #expect((450...550).contains(first.count(where: { $0 })), "\(first.count(where: { $0 }))")
    }

    @Test func `the load is measured once in each interval, however many ask`() throws {
        let shedder = try self.makeShedder()
        for _ in 0..<10 {
            for _ in 0..<100 {
                try shedder.admit(.normal)
            }
            self.clock.advance(by: .milliseconds(100))
        }
        #expect(self.load.measured == 10)
    }

    @Test func `the priority comes from the task, and a refusal tells when the load is measured again`() async throws {
        let shedder = try self.makeShedder(rise: 1)
        self.pass(1, load: 1, of: shedder)
        self.clock.advance(by: .milliseconds(30))
        #expect(try await shedder.execute { 1 } == 1)
        let error = await #expect(throws: ResilienceError.self) {
            try await CallPriority.$current.withValue(.sheddable) { try await shedder.execute { 1 } }
        }
        #expect(error?.code == .shed)
        #expect(error?.retryAfter == .milliseconds(70))
        #expect(error?.message.contains("api") == true)
    }

    @Test func `a measure that is not a number changes nothing`() throws {
        let shedder = try self.makeShedder(rise: 1)
        self.pass(1, load: 1, of: shedder)
        self.pass(5, load: .nan, of: shedder)
        self.pass(5, load: .infinity, of: shedder)
        #expect(shedder.snapshot.depth == 1)
        #expect(shedder.snapshot.load == 1)
    }

    @Test func `listeners hear how much is shed`() async throws {
        let shedder = try self.makeShedder(rise: 1)
        let events = shedder.events()
        self.pass(2, load: 1, of: shedder)
        self.pass(1, load: 0.1, of: shedder)
        var depths: [Double] = []
        for await event in events.prefix(3) {
            depths.append(event.to)
        }
        #expect(depths == [1, 2, 1.9])
    }

    @Test func `the use of a bulkhead is a load`() async throws {
        let bulkhead = Bulkhead(try BulkheadOptions(limit: 4), clock: self.clock)
        let signal = LoadSignal.utilisation(of: bulkhead)
        let first = try await bulkhead.acquire()
        #expect(signal.measure() == 0.25)
        first.release()
        #expect(signal.measure() == 0)
    }

    @Test func `a line counts as load only when it has stood for an interval`() async throws {
        let bulkhead = Bulkhead(
            try BulkheadOptions(limit: 1, maximumWaiting: 5, maximumWait: .seconds(60)), clock: self.clock)
        let signal = try LoadSignal.queueDelay(
            of: bulkhead, target: .milliseconds(10), interval: .milliseconds(100), clock: self.clock)
        let holder = try await bulkhead.acquire()
        #expect(signal.measure() == 0)
        let waiter = Task { try await bulkhead.execute {} }
        try await self.clock.waitForSleepers(1)
        self.clock.advance(by: .milliseconds(5))
        #expect(signal.measure() == 0.5)
        self.clock.advance(by: .milliseconds(5))
        #expect(signal.measure().isNaN)
        self.clock.advance(by: .milliseconds(99))
        #expect(signal.measure().isNaN)
        self.clock.advance(by: .milliseconds(1))
        #expect(signal.measure() == 11)
        holder.release()
        try await waiter.value
        #expect(signal.measure() == 0)
    }

    @Test func `numbers that cannot work are refused and quoted`() throws {
        func refusal(_ make: () throws -> Void) -> String {
            let error = #expect(throws: ResilienceError.self) { try make() }
            #expect(error?.code == .invalidConfiguration)
            return error?.message ?? ""
        }
        #expect(refusal { _ = try LoadShedderOptions(high: .nan) }.contains("nan"))
        #expect(refusal { _ = try LoadShedderOptions(high: 0) }.contains("0.0"))
        #expect(refusal { _ = try LoadShedderOptions(high: 0.5, low: 0.6) }.contains("0.6"))
        #expect(refusal { _ = try LoadShedderOptions(low: -1) }.contains("-1.0"))
        #expect(refusal { _ = try LoadShedderOptions(rise: 4) }.contains("4.0"))
        #expect(refusal { _ = try LoadShedderOptions(fall: 0) }.contains("0.0"))
        #expect(refusal { _ = try LoadShedderOptions(interval: .zero) }.contains("0.0"))
        let bulkhead = Bulkhead(try BulkheadOptions(limit: 1))
        #expect(refusal { _ = try LoadSignal.queueDelay(of: bulkhead, target: .zero) }.contains("0.0"))
        #expect(refusal { _ = try LoadSignal.queueDelay(of: bulkhead, interval: .seconds(-1)) }.contains("-1.0"))
    }
}

import ColonyBalancing
import ColonyCore
import ColonyHashing
import ColonySimulation
import Synchronization
import Testing

/// Shares over many calls, each with a fixed seed and a tolerance of about four standard deviations.
@Suite("How calls spread")
struct DistributionTests {
    private static let weights = [1, 2, 3, 4]

    /// What each endpoint should get of the calls.
    private func expectShares(
        _ tally: [String: Int], _ weights: [Int], within tolerance: Double,
        _ location: SourceLocation = #_sourceLocation
    ) {
        let calls = Double(tally.values.reduce(0, +))
        let total = Double(weights.reduce(0, +))
        for (position, weight) in weights.enumerated() {
            let name = String(UnicodeScalar(UInt8(97 + position)))
            let share = Double(tally[name] ?? 0) / calls
            #expect(abs(share - Double(weight) / total) < tolerance, "\(name) got \(share)", sourceLocation: location)
        }
    }

    @Test("turns give every endpoint the same number of calls")
    func turnsAreEven() throws {
        let balancer = try makeBalancer(makeEndpoints([1, 9, 1, 1]), .roundRobin)
        #expect(try balancer.picks(6) == ["a", "b", "c", "d", "a", "b"])
        #expect(try balancer.tally(400).values.allSatisfy { $0 == 100 })
    }

    @Test("what one thread picks follows from the seed, whichever thread it is")
    func seedsRepeatOnEveryThread() async throws {
        let endpoints = try makeManyEndpoints(20)
        let runs = Mutex<[[String]]>([])
        let count = 8
        await withCheckedContinuation { continuation in
            for number in 0..<count {
                startThread(named: "picker-\(number)") {
                    let picks = (try? makeBalancer(endpoints, .random).picks(200)) ?? []
                    let isLast = runs.withLock { runs in
                        runs.append(picks)
                        return runs.count == count
                    }
                    if isLast { continuation.resume() }
                }
            }
        }
        let all = runs.withLock { $0 }
        #expect(all[0].count == 200)
        #expect(Set(all).count == 1)
    }

    @Test("chance that ignores weights gives equal shares", arguments: [1, 2, 3] as [UInt64])
    func randomIsEven(seed: UInt64) throws {
        let balancer = try makeBalancer(makeEndpoints(Self.weights), .random, seed: seed)
        self.expectShares(try balancer.tally(40_000), [1, 1, 1, 1], within: 0.01)
    }

    @Test(
        "chance, least request of an idle set, and hashed addresses follow weights",
        arguments: [
            BalancingAlgorithm.weightedRandom, .weightedRoundRobin, .addressHash, .rendezvous, .maglev,
            .leastRequest(.two), .leastRequest(.all),
        ])
    func weightsCount(algorithm: BalancingAlgorithm) throws {
        let balancer = try makeBalancer(makeEndpoints(Self.weights), algorithm)
        let tally = try balancer.tally(40_000) { PickContext(key: "caller-\($0)") }
        self.expectShares(tally, Self.weights, within: 0.012)
    }

    @Test("a ring follows weights as closely as its points allow")
    func ringFollowsWeights() throws {
        let balancer = try makeBalancer(makeEndpoints(Self.weights), .ringHash(loadFactor: nil))
        self.expectShares(try balancer.tally(40_000) { PickContext(key: "k\($0)") }, Self.weights, within: 0.06)
    }

    @Test("calls without a key spread by weights", arguments: [BalancingAlgorithm.ringHash(loadFactor: nil), .maglev])
    func keylessCallsSpread(algorithm: BalancingAlgorithm) throws {
        let balancer = try makeBalancer(makeEndpoints(Self.weights), algorithm)
        self.expectShares(try balancer.tally(40_000), Self.weights, within: 0.012)
    }

    @Test("a sequence that would be too long is not written down, and chance gives the same shares, however small")
    func longSequencesAreDrawn() throws {
        let weights = [
            997, 991, 983, 1, 977, 971, 967, 953, 947, 941, 937, 929, 919, 911, 907, 887, 883, 881, 877, 863,
        ]
        let balancer = try makeBalancer(makeEndpoints(weights), .weightedRoundRobin)
        self.expectShares(try balancer.tally(100_000), weights, within: 0.003)
        let uneven = try makeBalancer(makeManyEndpoints(400) { $0 < 200 ? 1_000 : 1 }, .weightedRoundRobin)
        let light = try uneven.tally(200_000).filter { $0.key >= "e200" }.values.reduce(0, +)
        #expect((130...270).contains(light), "\(light) of about 200")
    }

    @Test(
        "with calls under way, the fullest endpoint has hardly more than the mean",
        arguments: [(BalancingAlgorithm.leastRequest(.two), 4), (.leastRequest(.all), 1)])
    func loadIsLevelled(algorithm: BalancingAlgorithm, excess: Int) throws {
        let balancer = try makeBalancer(makeManyEndpoints(50), algorithm)
        var picks = PickBag()
        for _ in 0..<1_000 { picks.add(try balancer.pick()) }
        let loads = balancer.status.map(\.callsUnderWay)
        #expect(loads.reduce(0, +) == 1_000)
        #expect(loads.max() ?? 0 <= 20 + excess)
        #expect(loads.min() ?? 0 >= 20 - 2 * excess)
        picks.end()
        #expect(balancer.status.allSatisfy { $0.callsUnderWay == 0 })
    }

    @Test("load is levelled in proportion to weights")
    func loadFollowsWeights() throws {
        let balancer = try makeBalancer(makeEndpoints(Self.weights), .leastRequest(.all))
        var picks = PickBag()
        for _ in 0..<1_000 { picks.add(try balancer.pick()) }
        #expect(balancer.status.map(\.callsUnderWay) == [100, 200, 300, 400])
        picks.end()
    }

    @Test("a bounded ring keeps every endpoint within its factor, also for one popular key, while endpoints are out")
    func boundedRingIsBounded() throws {
        let balancer = try makeBalancer(makeManyEndpoints(10), .ringHash(loadFactor: 1.25))
        var picks = PickBag()
        // What hangs in endpoints that are out must not raise the bound of the others.
        for name in ["e001", "e002"] as [EndpointName] {
            for _ in 0..<500 { picks.add(try balancer.pick(PickContext(hash: 1, sticky: name))) }
            try balancer.setHealth(of: name, isHealthy: false, by: "tcp")
        }
        for number in 0..<800 {
            picks.add(try balancer.pick(PickContext(key: number % 2 == 0 ? "popular" : "key-\(number)")))
        }
        let loads = balancer.status.map(\.callsUnderWay)
        #expect(loads[1] == 500 && loads[2] == 500)
        #expect(loads.filter { $0 != 500 }.max() ?? 0 <= 125)
        picks.end()
    }

    @Test("the bound of a ring holds on many threads, whose calls end on others", arguments: [4, 40, 400])
    func boundHoldsOnManyThreads(count: Int) async throws {
        let balancer = try makeBalancer(makeManyEndpoints(count), .ringHash(loadFactor: 1.25))
        let threads = 6
        let perThread = count * 10
        func onThreads(_ work: @escaping @Sendable (Int) -> Void) async {
            let left = Mutex(threads)
            await withCheckedContinuation { continuation in
                for number in 0..<threads {
                    startThread(named: "picker-\(number)") {
                        work(number)
                        let rest = left.withLock { left in
                            left -= 1
                            return left
                        }
                        if rest == 0 { continuation.resume() }
                    }
                }
            }
        }
        let bags = Mutex<[Handover]>([])
        for _ in 0..<3 {
            await onThreads { number in
                let mine = Handover()
                for call in 0..<perThread {
                    let key = call % 3 == 0 ? "popular" : "key-\(number)-\(call)"
                    guard let pick = try? balancer.pick(PickContext(key: key)) else { return }
                    mine.add(pick)
                }
                bags.withLock { $0.append(mine) }
            }
            let loads = balancer.status.map(\.callsUnderWay)
            #expect(loads.reduce(0, +) == threads * perThread)
            let bound = Int((1.25 * Double(threads * perThread) / Double(count)).rounded(.up))
            // Each thread that picks at the same moment may add one, and what is not seen of it less than another.
            #expect((loads.max() ?? 0) <= bound + 2 * threads)
            // The bags were filled by one thread each and are emptied by whichever comes first.
            await onThreads { _ in
                bags.withLock { $0.popLast() }?.end()
            }
            #expect(balancer.status.allSatisfy { $0.callsUnderWay == 0 })
        }
    }

    @Test("the bound is right again when a ring has shrunk while calls of many threads were under way")
    func boundSurvivesShrinking() async throws {
        let endpoints = try makeManyEndpoints(256)
        let balancer = try makeBalancer(endpoints, .ringHash(loadFactor: 1.25))
        let held = Mutex<[Handover]>([])
        let threads = 6
        let left = Mutex(threads)
        await withCheckedContinuation { continuation in
            for number in 0..<threads {
                startThread(named: "picker-\(number)") {
                    let mine = Handover()
                    // Less than a batch more than several whole ones, so that something stays with each thread.
                    for call in 0..<39 {
                        guard let pick = try? balancer.pick(PickContext(key: "\(number)-\(call)")) else { return }
                        mine.add(pick)
                    }
                    held.withLock { $0.append(mine) }
                    let rest = left.withLock { left in
                        left -= 1
                        return left
                    }
                    if rest == 0 { continuation.resume() }
                }
            }
        }
        try balancer.setEndpoints(Array(endpoints.prefix(40)))
        for mine in held.withLock({ $0 }) { mine.end() }
        let homes = try balancer.picks(50) { PickContext(key: "key-\($0)") }
        var picks = PickBag()
        for endpoint in endpoints.prefix(40) {
            for _ in 0..<5 { picks.add(try balancer.pick(PickContext(hash: 1, sticky: endpoint.name))) }
        }
        // The bound is seven now. With a sum that is too small it would be below five, and keys would leave their homes.
        #expect(try balancer.picks(50) { PickContext(key: "key-\($0)") } == homes)
        picks.end()
    }

    @Test("latency moves calls to the faster endpoint, and a stalled one is asked again after a while")
    func fasterGetsMore() throws {
        let clock = ManualClock()
        let balancer = try makeBalancer(makeEndpoints([1, 1, 1]), .peakEWMA(decay: .seconds(10)), clock: clock)
        let latencies = ["a": 100, "b": 10, "c": 10]
        func run(_ calls: Int) throws -> [String: Int] {
            var tally: [String: Int] = [:]
            for _ in 0..<calls {
                let pick = try balancer.pick()
                let name = pick.endpoint.name.rawValue
                clock.advance(by: .milliseconds(latencies[name] ?? 0))
                pick.succeed()
                tally[name, default: 0] += 1
            }
            return tally
        }
        let tally = try run(3_000)
        #expect(tally["a"] ?? 0 < 150)
        #expect(tally["a"] ?? 0 >= 1)
        #expect(abs((tally["b"] ?? 0) - (tally["c"] ?? 0)) < 500)
    }

    @Test("a fast failure does not make an endpoint look fast")
    func failuresAreNotFast() throws {
        let clock = ManualClock()
        let balancer = try makeBalancer(makeEndpoints([1, 1]), .peakEWMA(decay: .seconds(10)), clock: clock)
        for _ in 0..<50 {
            let pick = try balancer.pick()
            clock.advance(by: .milliseconds(10))
            pick.succeed()
        }
        for _ in 0..<200 {
            let pick = try balancer.pick()
            clock.advance(by: .milliseconds(pick.endpoint.name == "a" ? 0 : 10))
            if pick.endpoint.name == "a" { pick.fail() } else { pick.succeed() }
            // Time passes, and still nothing good is known of the one that fails.
            clock.advance(by: .seconds(1))
        }
        let latency = balancer.status[0].latency ?? .zero
        #expect(latency > .milliseconds(5), "\(latency)")
        let fresh = try makeBalancer(makeEndpoints([1, 1]), .peakEWMA(decay: .seconds(10)), clock: clock)
        var failures = 0
        for _ in 0..<1_000 {
            let pick = try fresh.pick()
            let fails = pick.endpoint.name == "a"
            clock.advance(by: .milliseconds(fails ? 0 : 10))
            if fails { pick.fail() } else { pick.succeed() }
            failures += fails ? 1 : 0
        }
        #expect(failures < 100, "an endpoint that failed from the start got \(failures) of 1,000 calls")
    }

    @Test("a subset has its size, stays the same, differs from caller to caller, and changes by one")
    func subsets() throws {
        let endpoints = try makeManyEndpoints(100)
        var users = [EndpointName: Int]()
        for caller in 0..<200 {
            let subset = try EndpointSubset(size: 20, caller: "caller-\(caller)")
            let chosen = subset.chosen(of: endpoints)
            #expect(chosen.count == 20)
            #expect(Set(subset.chosen(of: endpoints.reversed())) == Set(chosen))
            for endpoint in chosen { users[endpoint.name, default: 0] += 1 }
            let without = subset.chosen(of: endpoints.filter { $0 != chosen[0] })
            #expect(Set(without).intersection(chosen).count == 19)
        }
        #expect(users.count == 100)
        #expect(users.values.max() ?? 0 < 70 && users.values.min() ?? 0 > 16)
    }
}

/// Picks that are under way; they cannot be kept in an array, because they cannot be copied.
struct PickBag: ~Copyable {
    private final class Link {
        var pick: Pick?
        let next: Link?

        init(_ pick: consuming Pick, _ next: Link?) {
            self.pick = consume pick
            self.next = next
        }
    }

    private var last: Link?

    mutating func add(_ pick: consuming Pick) { self.last = Link(pick, self.last) }

    /// Ends all of them well.
    mutating func end() {
        while let link = self.last {
            link.pick.take()?.succeed()
            self.last = link.next
        }
    }
}

/// What one thread has picked and another one ends.
private final class Handover: Sendable {
    private let bag = Mutex(PickBag())

    func add(_ pick: consuming Pick) {
        var pick: Pick? = consume pick
        self.bag.withLock { bag in
            if let pick = pick.take() { bag.add(pick) }
        }
    }

    func end() { self.bag.withLock { $0.end() } }
}

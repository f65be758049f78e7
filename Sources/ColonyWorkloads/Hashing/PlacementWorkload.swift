import ColonyCore
import ColonyHashing

/// How fast placements find a node, how fast a ring takes one more, and how evenly and steadily keys are placed.
public enum PlacementWorkload {
    /// Every workload, in the order in which a report lists them.
    public static var all: [Workload] {
        // The loops are written out for each placement, so that each is compiled for its own, as in a program that uses it.
        [
            self.lookUp("ring", "a ring of 100 nodes with 160 points each", limit: 80) {
                Self.loop(over: try HashRing(nodes: Self.names(100)))
            },
            self.lookUp("maglev", "a Maglev table of 65,537 slots for 100 nodes", limit: 12) {
                Self.loop(over: try MaglevTable(nodes: Self.names(100)))
            },
            self.lookUp("jump", "jump with 100 buckets", limit: 40) {
                Self.loop(over: try JumpHash(nodes: Self.names(100)))
            },
            self.lookUp("rendezvous", "rendezvous of 100 nodes of equal weight") {
                Self.loop(over: try RendezvousHash(nodes: Self.names(100)))
            },
            self.lookUp("rendezvous-weighted", "rendezvous of 100 nodes of 4 different weights") {
                let members = Self.names(100).enumerated().map { PlacementMember($1, weight: Double(1 + $0 % 4)) }
                return Self.loop(over: try RendezvousHash(members))
            },
            self.lookUp("ketama", "Ketama with 100 servers") {
                Self.loop(over: try KetamaRing(servers: Self.names(100).map { KetamaServer($0) }))
            },
            self.addition,
            self.balance,
            self.movement,
        ]
    }

    /// The fact of a look-up workload that says what one look-up costs, with the hash of its key, in nanoseconds.
    public static let costOfLookUp = "one look-up with the hash of its key"
    /// The fact of a look-up workload that says what it costs if the hash is known, in nanoseconds.
    public static let costOfBareLookUp = "one look-up of a hash"

    // MARK: Look-ups

    /// Looks so many keys of 16 bytes up, or so many hashes, and gives a sum over the nodes found.
    private struct Loop: Sendable {
        let keys: @Sendable (_ input: UnsafeRawBufferPointer, _ times: Int) -> Int
        let hashes: @Sendable (_ times: Int) -> Int
    }

    private static func lookUp(
        _ name: String, _ title: String, limit: Double? = nil, _ makeLoop: @escaping @Sendable () throws -> Loop
    ) -> Workload {
        Workload(
            name: "place-\(name)", title: "look-up of keys of 16 bytes in \(title), 1 thread",
            target: limit.map { .atMost($0, "ns", of: Self.costOfLookUp) }
        ) { workload, options in
            let loop = try makeLoop()
            let input = HashSpeedWorkload.largeInput()
            let operations = options.count(2_000_000, atLeast: 100)
            // Comparing the sums also keeps the optimiser from leaving the look-ups out.
            var sums: [Int: Int] = [:]
            let rounds = try await Rounds.measure(workload.name, operations: operations, options: options) { times in
                let sum = input.withUnsafeBytes { loop.keys($0, times) }
                guard sums.updateValue(sum, forKey: times) ?? sum == sum else {
                    throw WorkloadError("\(workload.name) gave two nodes for the same key")
                }
            }
            sums = [:]
            let bare = try await Rounds.measure(workload.name, operations: operations, options: options) { times in
                let sum = loop.hashes(times)
                guard sums.updateValue(sum, forKey: times) ?? sum == sum else {
                    throw WorkloadError("\(workload.name) gave two nodes for the same hash")
                }
            }
            return Measurement(
                workload: workload.name, title: workload.title, figure: rounds.median, unit: "look-ups/s",
                count: rounds.count, spread: rounds.spread,
                facts: [
                    .init(Self.costOfLookUp, 1e9 / rounds.median, "ns"),
                    .init(Self.costOfBareLookUp, 1e9 / bare.median, "ns"),
                ],
                target: workload.target)
        }
    }

    @inline(__always)
    private static func loop(over placement: some Placement) -> Loop {
        Loop(
            keys: { input, times in
                guard let base = input.baseAddress else { return 0 }
                var sum = 0
                for time in 0..<times {
                    let key = base + (time & (HashSpeedWorkload.shortKeys - 1)) &* HashSpeedWorkload.shortKeyBytes
                    let bytes = UnsafeRawBufferPointer(start: key, count: HashSpeedWorkload.shortKeyBytes)
                    sum &+= placement.index(forHash: placement.hash(ofKey: bytes))
                }
                return sum
            },
            hashes: { times in
                var sum = 0
                var hash: UInt64 = 1
                for _ in 0..<times {
                    // Steps of the golden ratio spread evenly and cost one addition.
                    hash &+= 0x9E37_79B9_7F4A_7C15
                    sum &+= placement.index(forHash: hash)
                }
                return sum
            })
    }

    // MARK: Changes, balance, movement

    private static let addition = Workload(
        name: "place-ring-add", title: "adding one node to a ring of 1,000 nodes with 160 points each",
        target: .atMost(20, "ms", of: "one addition")
    ) { workload, options in
        let ring = try HashRing(nodes: Self.names(1_000))
        var last = ring
        let rounds = try await Rounds.measure(workload.name, operations: options.count(50), options: options) { times in
            for time in 0..<times { last = try ring.adding(PlacementMember("added-\(time)")) }
        }
        return Measurement(
            workload: workload.name, title: workload.title, figure: rounds.median, unit: "additions/s",
            count: rounds.count, spread: rounds.spread,
            facts: [
                .init("one addition", 1e3 / rounds.median, "ms"), .init("points", Double(last.pointCount), "points"),
            ],
            target: workload.target)
    }

    private static let balance = Workload(
        name: "place-balance", title: "the fullest of 100 nodes against the mean, on a ring of 160 points a node",
        target: .atMost(1.25, "× mean")
    ) { workload, options in
        let ring = try HashRing(nodes: Self.names(100))
        let table = try MaglevTable(nodes: Self.names(100))
        func ratio(_ shares: [Double]) -> Double { (shares.max() ?? 0) * Double(shares.count) }
        options.progress(workload.name, 1)
        return Measurement(
            workload: workload.name, title: workload.title, figure: ratio(ring.shares), unit: "× mean", count: 100,
            facts: [.init("Maglev of 65,537 slots", ratio(table.shares), "× mean")], target: workload.target)
    }

    private static let movement = Workload(
        name: "place-moved", title: "keys that move when one of 100 nodes of a ring goes; its own share is the least"
    ) { workload, options in
        var hash: UInt64 = 1
        let hashes = (0..<options.count(200_000, atLeast: 2_000)).map { _ in
            hash &+= 0x9E37_79B9_7F4A_7C15
            return hash
        }
        func share(_ before: some Placement<String>, _ after: some Placement<String>) -> Double {
            let moved = hashes.count { before.node(forHash: $0) != after.node(forHash: $0) }
            return 100 * Double(moved) / Double(hashes.count)
        }
        let names = Self.names(100)
        let ring = try HashRing(nodes: names)
        let rendezvous = try RendezvousHash(nodes: names)
        let table = try MaglevTable(nodes: names)
        let jump = try JumpHash(nodes: names)
        let own = zip(ring.nodes, ring.shares).first { $0.0 == names[50] }?.1 ?? 0
        return Measurement(
            workload: workload.name, title: workload.title, figure: share(ring, try ring.removing(names[50])),
            unit: "% of the keys", count: hashes.count,
            facts: [
                .init("its own on the ring", 100 * own, "%"),
                .init("rendezvous", share(rendezvous, try rendezvous.removing(names[50])), "%"),
                .init("Maglev of 65,537 slots", share(table, try table.removing(names[50])), "%"),
                .init("jump, the last node", share(jump, try jump.removingLast()), "%"),
            ])
    }

    private static func names(_ count: Int) -> [String] {
        (0..<count).map { "node-\($0)" }
    }
}

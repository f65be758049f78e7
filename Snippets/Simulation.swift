// A counter whose client repeats what was not answered, tested on a network that loses and doubles and a disk that forgets.

import ColonyCore
import ColonySimulation

struct Lost: Error {
    let number: UInt64
    let seed: Seed
}

// snippet.show
enum Happening { case request(UInt64), answer(UInt64), retry }

func run(seed: Seed) throws -> Int {
    var agenda = Agenda<Happening>()
    var network = SimulatedNetwork<String>(seed: seed.derived(for: "network"), link: .init(loss: 0.2, duplication: 0.2))
    var disk = SimulatedDisk(seed: seed.derived(for: "disk"))
    var chance = SeededGenerator(seed: seed.derived(for: "crashes"))
    var wanted: UInt64 = 1
    agenda.add(.retry, at: agenda.now)
    while wanted <= 20, let (now, happening) = agenda.next(until: .init(nanoseconds: 60_000_000_000)) {
        switch happening {
        case .retry:
            for instant in network.arrivals(from: "client", to: "server", sentAt: now) {
                agenda.add(.request(wanted), at: instant)
            }
            agenda.add(.retry, at: now.advanced(by: .milliseconds(50)))
        case .request(let number):
            // The protocol: a number that was counted is not counted again. Leave the sync out, and a seed finds it.
            if disk.read("counted")?.count ?? 0 < number {
                disk.append([1], to: "counted")
                disk.sync("counted")
                disk.syncFolder()
            }
            if chance.happens(withProbability: 0.1) { disk.crash() }
            for instant in network.arrivals(from: "server", to: "client", sentAt: now) {
                agenda.add(.answer(number), at: instant)
            }
        case .answer(let number):
            guard disk.read("counted")?.count ?? 0 >= number else { throw Lost(number: number, seed: seed) }
            if number == wanted { wanted += 1 }
        }
    }
    return disk.read("counted")?.count ?? 0
}
// snippet.hide

for seed in Seed(rawValue: 1).followed(by: 100) {
    let count = try run(seed: seed)
    precondition(count == 20, "\(count) were counted with seed \(seed)")
}

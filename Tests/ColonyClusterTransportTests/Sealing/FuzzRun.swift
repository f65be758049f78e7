import ColonySimulation
import Foundation

/// How many inputs are made up, and from which seed: `COLONY_FUZZ_INPUTS` and `COLONY_FUZZ_SEED`, which a failure prints.
struct FuzzRun {
    let seed: Seed
    let count: Int

    init() {
        let environment = ProcessInfo.processInfo.environment
        self.count = environment["COLONY_FUZZ_INPUTS"].flatMap { Int($0) } ?? 5_000
        self.seed = Seed(rawValue: environment["COLONY_FUZZ_SEED"].flatMap { UInt64($0) } ?? .random(in: 0 ... .max))
    }

    /// Bytes of which a few were changed, left out, or added.
    static func changed(_ original: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
        var bytes = original
        for _ in 0...Int.random(in: 0...3, using: &generator) {
            guard !bytes.isEmpty else { return bytes }
            let place = Int.random(in: 0..<bytes.count, using: &generator)
            switch Int.random(in: 0...6, using: &generator) {
            case 0: bytes[place] ^= 1 << UInt8.random(in: 0...7, using: &generator)
            case 1: bytes[place] = UInt8.random(in: .min ... .max, using: &generator)
            case 2: bytes.removeSubrange(place...)
            case 3: bytes.insert(UInt8.random(in: .min ... .max, using: &generator), at: place)
            case 4: bytes.remove(at: place)
            case 5: bytes += bytes.suffix(Int.random(in: 0...16, using: &generator))
            default: bytes[place] = [0, 1, 0x7F, 0x80, 0xFF][Int.random(in: 0...4, using: &generator)]
            }
        }
        return bytes
    }
}

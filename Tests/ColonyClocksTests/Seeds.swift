import ColonyClocks
import ColonyCore
import ColonySimulation

/// The seeds that every property is tried with.
let seeds = Seed(rawValue: 0xC10C).followed(by: 200)

/// Node `a`, `b`, `c`, and so on.
func node(_ number: Int) -> NodeID {
    let letters = Array("abcdefghijklmnopqrstuvwxyz")
    do {
        return try NodeID(String(letters[number]))
    } catch {
        preconditionFailure("a letter is a node name: \(error)")
    }
}

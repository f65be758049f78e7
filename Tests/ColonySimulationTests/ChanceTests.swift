import ColonySimulation
import Testing

@Suite("Seeded chance")
struct ChanceTests {
    /// The outputs of Vigna's `splitmix64.c` for the seed 1234567.
    @Test func `SplitMix64 gives the numbers of the reference implementation`() {
        var generator = SeededGenerator(seed: 1_234_567)
        let numbers = (1...5).map { _ in generator.next() }
        #expect(
            numbers == [
                6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
                4_593_380_528_125_082_431, 16_408_922_859_458_223_821,
            ])
    }

    @Test func `a seed reads what it prints`() {
        for seed in [Seed(rawValue: 0), 1, 0xDEAD_BEEF, Seed(rawValue: .max)] {
            #expect(Seed(seed.description) == seed)
            #expect(Seed(String(seed.rawValue)) == seed)
        }
        #expect(Seed(rawValue: 255).description == "0x00000000000000ff")
        #expect(Seed("0xg") == nil)
        #expect(Seed("") == nil)
    }

    @Test func `parts of a simulation have seeds of their own`() {
        let seed: Seed = 7
        #expect(seed.derived(for: "clock") == seed.derived(for: "clock"))
        #expect(seed.derived(for: "clock") != seed.derived(for: "faults"))
        #expect(seed.derived(for: "clock") != Seed(rawValue: 8).derived(for: "clock"))
    }

    @Test func `events happen as often as their probability says`() {
        var generator = SeededGenerator(seed: 99)
        let count = (1...100_000).count { _ in generator.happens(withProbability: 0.3) }
        // Six standard deviations of a binomial distribution with these parameters are 870.
        #expect((29_130...30_870).contains(count))
        let never = (1...1_000).contains { _ in generator.happens(withProbability: 0) }
        #expect(!never)
        let always = (1...1_000).allSatisfy { _ in generator.happens(withProbability: 1) }
        #expect(always)
    }

    /// The value of FNV-1a for "a" is in RFC 9923, appendix C.
    @Test func `the fingerprint tells orders and borders apart`() {
        func hash(_ texts: String...) -> UInt64 {
            var hash = TraceHash()
            texts.forEach { hash.combine($0) }
            return hash.value
        }
        #expect(hash("a", "b") == hash("a", "b"))
        #expect(hash("a", "b") != hash("b", "a"))
        #expect(hash("ab", "c") != hash("a", "bc"))
    }
}

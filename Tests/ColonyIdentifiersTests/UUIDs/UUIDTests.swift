import ColonyCore
import ColonyIdentifiers
import ColonySimulation
import Foundation
import Testing

@Suite struct UUIDTests {
    /// RFC 9562, appendix A.3 and A.6.
    @Test func theExamplesOfTheStandardAreRead() throws {
        let four = try #require(UUID(uuidString: "919108f7-52d1-4320-9bac-f847db4148a8"))
        #expect(four.version == 4)
        #expect(four.hasRFCVariant)
        #expect(four.time == nil)
        let seven = try #require(UUID(uuidString: "017F22E2-79B0-7CC3-98C4-DC0C0C07398F"))
        #expect(seven.version == 7)
        #expect(seven.hasRFCVariant)
        #expect(seven.time?.millisecondsSince1970 == 1_645_557_742_000)
        #expect(seven.words == (0x017F_22E2_79B0_7CC3, 0x98C4_DC0C_0C07_398F))
        #expect(UUID(high: 0x017F_22E2_79B0_7CC3, low: 0x98C4_DC0C_0C07_398F) == seven)
    }

    @Test func versionAndVariantAreRightAndEveryOtherBitVaries() {
        for make in [UUID.v4, UUID.v7] {
            var union: (high: UInt64, low: UInt64) = (0, 0)
            var intersection: (high: UInt64, low: UInt64) = (.max, .max)
            for _ in 0..<2_000 {
                let words = make().words
                union = (union.high | words.high, union.low | words.low)
                intersection = (intersection.high & words.high, intersection.low & words.low)
            }
            let isFour = make().version == 4
            #expect(intersection.high & 0xF000 == (isFour ? 0x4000 : 0x7000))
            #expect(union.high & 0xF000 == (isFour ? 0x4000 : 0x7000))
            #expect(intersection.low >> 62 == 0b10)
            #expect(union.low >> 62 == 0b10)
            if isFour {
                #expect(union.high | 0xF000 == .max)
                #expect(intersection.high & ~0xF000 == 0)
            }
            #expect(union.low << 10 == .max << 10)
            #expect(intersection.low << 10 == 0)
        }
    }

    @Test func sevenHoldsTheTime() {
        let before = SystemWallClock().now
        let id = UUIDv7Generator().next()
        let after = SystemWallClock().now
        #expect(id.time.map { (before...after).contains($0) } == true)
    }

    /// Pitfall 7. Five million in a loop, beyond 4,096 in a millisecond, and over steps back of the clock.
    @Test func v7StaysSorted() {
        let wallClock = ManualWallClock()
        let generator = UUIDv7Generator(wallClock: wallClock)
        var last: (high: UInt64, low: UInt64) = (0, 0)
        for index in 0..<5_000_000 {
            let words = generator.next().words
            guard words > last else {
                Issue.record("number \(index) does not rise")
                return
            }
            last = words
            switch index % 1_000_000 {
            case 100_000: wallClock.step(by: .milliseconds(1))
            case 200_000: wallClock.step(by: .milliseconds(-1))
            case 300_000: wallClock.step(by: .seconds(-3_600))
            case 400_000: wallClock.step(by: .seconds(3_600))
            case 600_000: wallClock.step(by: .milliseconds(5))
            default: break
            }
        }
    }

    @Test func theCounterCarriesIntoTheNextMillisecond() {
        let wallClock = ManualWallClock()
        let generator = UUIDv7Generator(wallClock: wallClock)
        let first = generator.next()
        // At most 2^20 numbers are in a millisecond, so the one after as many lies in a later one.
        var last = first
        for _ in 0..<(1 << 20) { last = generator.next() }
        #expect(last.words > first.words)
        #expect(last.time == wallClock.now.advanced(by: .milliseconds(1)))
        #expect(last.version == 7 && last.hasRFCVariant)
    }

    @Test func threadsShareTheProcessWideOrder() async {
        let all = await withTaskGroup(of: [UUID].self) { group in
            for _ in 0..<4 {
                group.addTask { (0..<20_000).map { _ in UUID.v7() } }
            }
            var all: [UUID] = []
            for await mine in group {
                #expect(zip(mine, mine.dropFirst()).allSatisfy { $0.words < $1.words })
                all += mine
            }
            return all
        }
        #expect(Set(all).count == 80_000)
    }

    @Test func timesBeyondTheRangeCountAsItsEnds() {
        let early = UUIDv7Generator(wallClock: ManualWallClock(now: WallTime(millisecondsSince1970: -5)))
        #expect(early.next().time?.millisecondsSince1970 == 0)
        #expect(early.next().version == 7)
        let late = UUIDv7Generator(wallClock: ManualWallClock(now: WallTime(millisecondsSince1970: .max)))
        #expect(late.next().time?.millisecondsSince1970 == (1 << 44) - 1)
    }
}

@Suite struct ULIDTests {
    /// The example of the specification, https://github.com/ulid/spec, and its largest value.
    @Test func theExamplesOfTheSpecificationAreRead() throws {
        let example = try ULID(text: "01ARZ3NDEKTSV4RRFFQ69G5FAV")
        #expect(example.time.millisecondsSince1970 == 1_469_922_850_259)
        #expect(example.description == "01ARZ3NDEKTSV4RRFFQ69G5FAV")
        let largest = try ULID(text: "7ZZZZZZZZZZZZZZZZZZZZZZZZZ")
        #expect(largest.high == .max && largest.low == .max)
        #expect(ULID("01arz3ndektsv4rrffq69g5fav") == example)
    }

    @Test(arguments: [
        "", "8ZZZZZZZZZZZZZZZZZZZZZZZZZ", "01ARZ3NDEKTSV4RRFFQ69G5FA", "01ARZ3NDEKTSV4RRFFQ69G5FAVX",
        "01ARZ3NDEKTSV4RRFFQ69G5FAU", "01ARZ3NDEKTSV4RRFFQ69G5-AV",
    ])
    func malformedTextsAreRefusedAndQuoted(text: String) {
        let error = #expect(throws: IdentifierError.self) { try ULID(text: text) }
        #expect(error?.code == .malformedID)
        #expect(error?.message.contains("\"\(text)\"") == true)
        #expect(ULID(text) == nil)
    }

    @Test func theyRiseOverStepsOfTheClockAndTextsSortAlike() throws {
        let wallClock = ManualWallClock()
        let generator = ULIDGenerator(wallClock: wallClock)
        var all: [ULID] = []
        for step in [0, 1, -1, -3_600_000, 3_600_000, 5] {
            wallClock.step(by: .milliseconds(step))
            for _ in 0..<1_000 { all.append(generator.next()) }
        }
        #expect(zip(all, all.dropFirst()).allSatisfy { $0 < $1 })
        #expect(all.map(\.description) == all.map(\.description).sorted())
        for id in all.prefix(100) {
            #expect(try ULID(text: id.description) == id)
            #expect(ULID(id.uuid) == id)
        }
        let json = try JSONEncoder().encode(all.prefix(3).map { $0 })
        #expect(try JSONDecoder().decode([ULID].self, from: json) == Array(all.prefix(3)))
        #expect(throws: DecodingError.self) { try JSONDecoder().decode(ULID.self, from: Data("\"x\"".utf8)) }
    }
}

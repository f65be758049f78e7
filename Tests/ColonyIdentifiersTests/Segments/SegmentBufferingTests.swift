import ColonyCore
import ColonyIdentifiers
import Testing

@Suite("What a segment generator decides")
struct SegmentBufferingTests {
    private let start = MonotonicInstant(nanoseconds: 1_000_000_000_000)

    private func configuration(
        initial: Int64 = 100, minimum: Int64 = 10, maximum: Int64 = 10_000, share: Double = 0.1
    ) -> SegmentIDConfiguration {
        SegmentIDConfiguration(
            initialStep: initial, minimumStep: minimum, maximumStep: maximum, targetDuration: .seconds(60),
            prefetchShare: share)
    }

    private func drain(_ buffering: inout SegmentBuffering, _ count: Int) -> [Int64] {
        var numbers: [Int64] = []
        while numbers.count < count {
            if let number = buffering.take() {
                numbers.append(number)
            } else if !buffering.reachedLimit() {
                break
            }
        }
        return numbers
    }

    @Test func `a new one has nothing and wants a range`() {
        var buffering = SegmentBuffering(self.configuration())
        let answer1 = buffering.take()
        #expect(answer1 == nil)
        let answer2 = buffering.reachedLimit()
        #expect(!answer2)
        #expect(buffering.wantsFetch)
        let answer3 = buffering.beginFetch(at: self.start)
        #expect(answer3 == 100)
        #expect(!buffering.wantsFetch)
    }

    @Test func `the next range is wanted when a tenth of the present one is used, and not before`() {
        var buffering = SegmentBuffering(self.configuration())
        _ = buffering.beginFetch(at: self.start)
        let answer4 = buffering.fetched(1..<101)
        #expect(answer4)
        #expect(self.drain(&buffering, 10) == Array(1...10))
        #expect(!buffering.wantsFetch)
        #expect(self.drain(&buffering, 1) == [11])
        #expect(buffering.wantsFetch)
    }

    @Test func `all numbers of both ranges are given, each once, with the gap between the ranges left out`() {
        var buffering = SegmentBuffering(self.configuration())
        _ = buffering.beginFetch(at: self.start)
        let answer5 = buffering.fetched(1..<101)
        #expect(answer5)
        #expect(self.drain(&buffering, 50).count == 50)
        _ = buffering.beginFetch(at: self.start)
        let answer6 = buffering.fetched(501..<601)
        #expect(answer6)
        #expect(self.drain(&buffering, 1_000) == Array(51...100) + Array(501...600))
        let answer7 = buffering.reachedLimit()
        #expect(!answer7)
    }

    @Test func `a range that does not lie above those before it is refused`() {
        var buffering = SegmentBuffering(self.configuration())
        _ = buffering.beginFetch(at: self.start)
        let answer8 = buffering.fetched(1..<101)
        #expect(answer8)
        _ = self.drain(&buffering, 50)
        _ = buffering.beginFetch(at: self.start)
        for range in [1..<101, 100..<200, 101..<101] as [Range<Int64>] {
            let answer9 = buffering.fetched(range)
            #expect(!answer9)
            #expect(buffering.isFetching)
        }
        let answer10 = buffering.fetched(101..<201)
        #expect(answer10)
    }

    /// Uses `step` numbers a minute's fraction `lasting`, so that one range lasts that long.
    private func steps(lasting: Duration, rounds: Int, initial: Int64) -> [Int64] {
        var buffering = SegmentBuffering(self.configuration(initial: initial))
        var now = self.start
        var next: Int64 = 1
        var steps: [Int64] = []
        for _ in 0..<rounds {
            let count = buffering.beginFetch(at: now)
            steps.append(count)
            _ = buffering.fetched(next..<next + count)
            next += count
            // From one request to the next, as many numbers as one range has are used, except before the second one.
            let before = buffering.remaining
            while !buffering.wantsFetch {
                if buffering.take() == nil, !buffering.reachedLimit() { break }
            }
            let used = before - buffering.remaining
            now = now.advanced(by: lasting * (Double(used) / Double(count)))
        }
        return steps
    }

    @Test func `ranges that last too short double up to the maximum`() {
        let steps = self.steps(lasting: .seconds(10), rounds: 10, initial: 100)
        #expect(steps.last == 10_000)
        #expect(zip(steps, steps.dropFirst()).allSatisfy { $1 == min(10_000, $0 * 2) }, "\(steps)")
    }

    @Test func `ranges that last too long halve down to the minimum`() {
        let steps = self.steps(lasting: .seconds(3_600), rounds: 10, initial: 1_000)
        #expect(steps.last == 10)
        #expect(zip(steps, steps.dropFirst()).allSatisfy { $1 == max(10, $0 / 2) }, "\(steps)")
    }

    @Test func `ranges that last as long as they should stay as they are`() {
        #expect(Set(self.steps(lasting: .seconds(90), rounds: 6, initial: 1_000)) == [1_000])
    }

    @Test func `where the ranges ran out the step grows eightfold, but not on the first request`() {
        var buffering = SegmentBuffering(self.configuration())
        let answer11 = buffering.reachedLimit()
        #expect(!answer11)
        let answer12 = buffering.beginFetch(at: self.start)
        #expect(answer12 == 100)
        _ = buffering.fetched(1..<101)
        #expect(self.drain(&buffering, 1_000).count == 100)
        let answer13 = buffering.beginFetch(at: self.start.advanced(by: .milliseconds(1)))
        #expect(answer13 == 800)
    }

    @Test func `a request covers what those need who wait already`() {
        var buffering = SegmentBuffering(self.configuration())
        let answer14 = buffering.beginFetch(at: self.start, demand: 5_000)
        #expect(answer14 == 5_000)
    }

    @Test func `what is discarded is never given`() {
        var buffering = SegmentBuffering(self.configuration())
        _ = buffering.beginFetch(at: self.start)
        _ = buffering.fetched(1..<101)
        _ = self.drain(&buffering, 20)
        buffering.discard()
        #expect(buffering.remaining == 0)
        #expect(self.drain(&buffering, 1) == [])
    }
}

import ColonyCore
import ColonyResilience
import ColonySimulation
import Testing

@Suite("Deadlines")
struct DeadlineTests {
    let clock = ManualClock()

    @Test func `a deadline is only ever shortened`() async {
        let outer = self.clock.now.advanced(by: .seconds(5))
        await Deadline.within(.seconds(5), on: self.clock) {
            #expect(Deadline.current?.instant == outer)
            await Deadline.within(.seconds(60), on: self.clock) {
                #expect(Deadline.current?.instant == outer)
            }
            await Deadline.within(.seconds(2), on: self.clock) {
                #expect(Deadline.current?.remaining(on: self.clock) == .seconds(2))
            }
            #expect(Deadline.current?.instant == outer)
        }
        #expect(Deadline.current == nil)
    }

    @Test func `child tasks see the deadline of their parent`() async {
        await Deadline.within(.seconds(5), on: self.clock) {
            async let seen = Deadline.current
            #expect(await seen == Deadline.current)
            #expect(await Task { Deadline.current }.value != nil)
            #expect(await Task.detached { Deadline.current }.value == nil)
        }
    }

    @Test func `what is left never falls below nothing, and the check says that nothing was done`() async throws {
        try Deadline.check(on: self.clock)
        try await Deadline.within(.seconds(1), on: self.clock) {
            try Deadline.check(on: self.clock)
            self.clock.advance(by: .seconds(3))
            #expect(Deadline.current?.remaining(on: self.clock) == .zero)
            #expect(Deadline.current?.hasPassed(on: self.clock) == true)
            let error = #expect(throws: ResilienceError.self) { try Deadline.check(on: self.clock) }
            #expect(error?.code == .deadlineExceeded)
        }
        await Deadline.within(.seconds(-9), on: self.clock) {
            #expect(Deadline.current?.remaining(on: self.clock) == .zero)
        }
    }

    @Test func `a header carries what is left, rounded down`() throws {
        let deadline = Deadline(after: .microseconds(1_500_900), on: self.clock)
        #expect(deadline.headerValue(on: self.clock) == "1500")
        self.clock.advance(by: .seconds(9))
        #expect(deadline.headerValue(on: self.clock) == "0")
        #expect(Deadline(after: .seconds(1 << 40), on: self.clock).headerValue(on: self.clock) == "86400000")
        let read = try Deadline(header: "1500", on: self.clock)
        #expect(read.remaining(on: self.clock) == .milliseconds(1_500))
        #expect(
            try Deadline(header: "999999999999999", on: self.clock).remaining(on: self.clock) == Deadline.longestHeader)
    }

    @Test(arguments: ["", "-1", "+5", "1.5", "1e3", "soon", " 7", "7 ", "٣", "1000000000000000", "9\r\nX: y"])
    func `a header that is not a number is refused and quoted`(text: String) {
        let error = #expect(throws: ResilienceError.self) { try Deadline(header: text) }
        #expect(error?.code == .invalidRequest)
        #expect(error?.message.contains("Colony-Deadline-Ms is \"\(text.prefix(1) == "9" ? "9" : text)") == true)
    }
}

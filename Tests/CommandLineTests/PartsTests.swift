import Testing

@testable import colony

/// The parts of the command line that decide without doing anything.
@Suite struct PartsTests {
    @Test(arguments: [
        ("lock", "locks"), ("fence", "fencing"), ("bas", "base"), ("", nil), ("queues-and-more", nil),
    ])
    func `a misspelt word finds the nearest`(text: String, expected: String?) {
        #expect(Spelling.nearest(to: text, among: ["cap", "base", "locks", "fencing"]) == expected)
    }

    @Test(arguments: [("", "", 0), ("abc", "abc", 0), ("abc", "", 3), ("kitten", "sitting", 3), ("é", "e", 1)])
    func `the distance of two words is the number of letters to change`(first: String, second: String, expected: Int) {
        #expect(Spelling.distance(first, second) == expected)
        #expect(Spelling.distance(second, first) == expected)
    }

    @Test func `text is wrapped at words, items are indented, and code stays as it is`() {
        let text = "one two three four\n- five six seven eight\n  code that is longer than it may be"
        #expect(
            TextWrapping.wrapped(text, to: 10)
                == "one two\nthree four\n- five six\n  seven\n  eight\n  code that is longer than it may be")
    }

    @Test func `a word that is longer than the line stands alone`() {
        #expect(TextWrapping.wrapped("a verylongword b", to: 5) == "a\nverylongword\nb")
    }

    @Test func `a table has columns as wide as their widest cell, and numbers to the right`() {
        var table = TextTable([.init("NAME"), .init("N", isNumeric: true), .init("END")])
        table.rows = [["a", "1", "x"], ["long", "100", ""]]
        #expect(table.lines == ["NAME    N  END", "a       1  x", "long  100"])
    }

    @Test func `the words of a command are found after the first two dashes, byte for byte`() throws {
        let words = ["lock", "run", "job", "--", "cat", "--", "-n"].map { Array($0.utf8) }
        let parsed = try CommandLineWords(words + [[0xFF]])
        #expect(parsed.runsCommand)
        #expect(parsed.command == ["cat", "--", "-n"].map { Array($0.utf8) } + [[0xFF]])
        #expect(try CommandLineWords(["lock", "list"].map { Array($0.utf8) }).command.isEmpty)
        #expect(throws: (any Error).self) { try CommandLineWords([[0xC3]]) }
    }

    @Test func `--json counts before the command and not in it`() throws {
        #expect(try CommandLineWords(["lock", "list", "--json"].map { Array($0.utf8) }).wantsJSON)
        #expect(try !CommandLineWords(["lock", "run", "a", "--", "--json"].map { Array($0.utf8) }).wantsJSON)
    }

    @Test(
        arguments: [
            (0, .exited(0)), (3 << 8, .exited(3)), (9, .killed(signal: 9)), (0x86, .killed(signal: 6)),
        ] as [(Int32, CommandEnd)])
    func `the status of a child is read as waitpid gives it`(status: Int32, expected: CommandEnd) {
        #expect(CommandEnd(waitStatus: status) == expected)
        #expect(CommandEnd(waitStatus: 0x137F) == nil)
    }

    @Test func `a variable that is set replaces the one that was there`() {
        let environment = ["A=1", "B=2", "AB=3"].map { Array($0.utf8) }
        let changed = EnvironmentBytes.setting([("A", "9")], in: environment)
        #expect(changed == ["B=2", "AB=3", "A=9"].map { Array($0.utf8) })
        #expect(EnvironmentBytes.value(of: "AB", in: changed) == Array("3".utf8))
    }
}

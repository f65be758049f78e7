import ArgumentParser

/// Reads all books and adds them up.
struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Prove that the books of all services agree.",
        discussion: "Exit codes: 0 they do, 1 they do not, 75 something is still on its way.")

    @OptionGroup var files: Files

    func run() async throws {
        let audit = Audit(of: try await Books(self.files))
        for check in audit.checks {
            let verdict = check.problems.isEmpty ? "adds up" : "DOES NOT ADD UP"
            print(check.name.padded(to: 12) + verdict.padded(to: 17) + check.sum)
            for problem in check.problems.prefix(5) { print("            \(problem)") }
            if check.problems.count > 5 { print("            and \(check.problems.count - 5) more") }
        }
        for reason in audit.open.prefix(5) { print("not over: \(reason)") }
        if !audit.open.isEmpty { throw ExitCode(75) }
        if !audit.problems.isEmpty { throw ExitCode.failure }
    }
}

extension String {
    fileprivate func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(1, width - self.count))
    }
}

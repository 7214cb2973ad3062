import Assembly

Program.main(Array(CommandLine.arguments.dropFirst()))

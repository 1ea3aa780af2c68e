using System.Runtime.Versioning;

[assembly: SupportedOSPlatform("linux")]

return await XeSvm.Daemon.XesvmdProgram.RunAsync(args, Console.Out, Console.Error).ConfigureAwait(false);

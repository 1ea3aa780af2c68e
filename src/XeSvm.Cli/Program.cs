using System.Runtime.InteropServices;
using XeSvm.Cli;

// Not disposed: a signal may still be on its way to its handler when the run has ended.
CancellationTokenSource cancellation = new();
using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using PosixSignalRegistration termination = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
return XesvmProgram.Run(args, CliConsole.OfProcess(), cancellation.Token);

void Stop(PosixSignalContext context)
{
    // The run ends between two rounds and gives the device back; a second signal ends the process at once.
    context.Cancel = !cancellation.IsCancellationRequested;
    cancellation.Cancel();
}

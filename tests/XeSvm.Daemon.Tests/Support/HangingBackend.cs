using XeSvm.Interop;

namespace XeSvm.Daemon.Tests.Support;

/// <summary>A backend whose debug files answer, until they are told to hang.</summary>
internal sealed class HangingBackend(DrmBackend inner) : DrmBackend
{
    private readonly ManualResetEventSlim _mayGoOn = new(true);

    /// <summary>Set once somebody hangs.</summary>
    internal ManualResetEventSlim SomebodyHangs { get; } = new();

    public override string Name => inner.Name;

    /// <summary>Lets who reads a debug file hang until what is returned is disposed.</summary>
    internal IDisposable Hang()
    {
        _mayGoOn.Reset();
        return new End(_mayGoOn);
    }

    public override IReadOnlyList<DrmNode> Enumerate() => inner.Enumerate();

    public override int Open(DrmNode node, out DrmFile? file)
    {
        int result = inner.Open(node, out DrmFile? opened);
        file = opened is null ? null : new HangingFile(opened, this);
        return result;
    }

    private sealed class End(ManualResetEventSlim mayGoOn) : IDisposable
    {
        public void Dispose() => mayGoOn.Set();
    }

    private sealed unsafe class HangingFile(DrmFile inner, HangingBackend backend) : DrmFile
    {
        public override int Ioctl(uint request, void* argument) => inner.Ioctl(request, argument);

        public override int Map(ulong offset, nuint length, DrmMapProtection protection, out nint address) => inner.Map(offset, length, protection, out address);

        public override int Unmap(nint address, nuint length) => inner.Unmap(address, length);

        public override DrmDebugText ReadDebugFile(string name)
        {
            if (!backend._mayGoOn.IsSet)
            {
                backend.SomebodyHangs.Set();
                backend._mayGoOn.Wait();
            }

            return inner.ReadDebugFile(name);
        }

        protected override void Dispose(bool disposing) => inner.Dispose();
    }
}

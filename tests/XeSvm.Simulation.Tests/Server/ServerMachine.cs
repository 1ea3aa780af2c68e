using System.Diagnostics;
using System.Runtime.CompilerServices;

using XeSvm.Interop;
using XeSvm.Interop.Native;
using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Server;

namespace XeSvm.Simulation.Tests.Server;

/// <summary>A server in a folder of its own, and programs that use it.</summary>
internal sealed class ServerMachine : IDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(2);
    private static readonly (int Error, uint Mode) s_userfaultfd = FindUserfaultfd();
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("xesvm-server-");

    public ServerMachine(string device = "bmg", string cpuFaults = "coherent", ulong vramBytes = 64 << 20)
    {
        Skip.If(cpuFaults != "coherent" && UserfaultfdError < 0, $"userfaultfd cannot be used here: {Errno.Describe(UserfaultfdError)}.");
        Server = DeviceServer.Start(
            new SoftwareBackendOptions { VramBytes = vramBytes, Device = device, CpuFaults = cpuFaults }, Path.Combine(_folder.FullName, "device"));
    }

    /// <summary>What stands in the way of CPU faults here, or 0.</summary>
    public static int UserfaultfdError => s_userfaultfd.Error;

    /// <summary>Whether faults of system calls are resolved too, for which a process needs the privilege.</summary>
    public static bool HasFullMode => s_userfaultfd is { Error: 0, Mode: Xesvm.XESVM_PUMP_MODE_FULL };

    public DeviceServer Server { get; }

    public string Socket => Server.SocketPath;

    public static string Preload => Path.Combine(AppContext.BaseDirectory, "libxesvm_preload.so");

    /// <summary>Compiles a C program of the repository.</summary>
    public string Compile(string source)
    {
        string root = FindRoot();
        string program = Path.Combine(_folder.FullName, Path.GetFileNameWithoutExtension(source));
        using Process cc = Process.Start("cc", ["-std=gnu11", "-O1", "-Wall", "-Werror", "-I", Path.Combine(root, "samples/HelloC"), "-o", program, Path.Combine(root, source)]);
        cc.WaitForExit();
        Assert.Equal(0, cc.ExitCode);
        return program;
    }

    /// <summary>Starts a program with the device.</summary>
    public Process Run(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["XESVM_SERVER"] = Socket;
        start.Environment["LD_PRELOAD"] = Preload;
        return Process.Start(start)!;
    }

    /// <summary>Waits until only so much is left at the server.</summary>
    public void AwaitRest(int files, int processes, int channels) => Assert.True(
        SpinWait.SpinUntil(
            () => Server.FileCount == files && Server.ProcessCount == processes && Server.ChannelCount == channels && Server.ClosingCount == 0, s_limit),
        $"{Server.FileCount} files, {Server.ProcessCount} processes, {Server.ChannelCount} channels, {Server.ClosingCount} closing");

    /// <summary>Bytes of VRAM in use, as a query says it.</summary>
    public static unsafe ulong VramInUse(ServerConnection channel, ServerConnection file)
    {
        byte* regions = stackalloc byte[8 + (2 * sizeof(drm_xe_mem_region))];
        var query = new drm_xe_device_query
        {
            query = DrmXe.DRM_XE_DEVICE_QUERY_MEM_REGIONS,
            size = (uint)(8 + (2 * sizeof(drm_xe_mem_region))),
            data = (ulong)regions,
        };
        Assert.Equal(0, channel.Ioctl(file, DrmXe.DRM_IOCTL_XE_DEVICE_QUERY, ref query));
        return ((drm_xe_mem_region*)(regions + 8))[1].used;
    }

    public void Dispose()
    {
        Server.Dispose();
        _folder.Delete(recursive: true);
    }

    private static unsafe (int Error, uint Mode) FindUserfaultfd()
    {
        xesvm_pump* pump;
        xesvm_pump_info info;
        int result = NativeMethods.xesvm_pump_create(0, &pump, &info);
        return result < 0 ? (result, 0) : (Math.Min(NativeMethods.xesvm_pump_destroy(pump), 0), info.mode);
    }

    private static string FindRoot([CallerFilePath] string path = "")
    {
        string? folder = Path.GetDirectoryName(path);
        while (folder is not null && !File.Exists(Path.Combine(folder, "XeSvm.sln")))
        {
            folder = Path.GetDirectoryName(folder);
        }

        return folder ?? throw new DirectoryNotFoundException($"No folder above {path} has XeSvm.sln.");
    }
}

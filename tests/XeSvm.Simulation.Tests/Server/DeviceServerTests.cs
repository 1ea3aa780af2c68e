using System.Diagnostics;
using System.Text;

using XeSvm.Interop.LibC;
using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Server;

namespace XeSvm.Simulation.Tests.Server;

/// <summary>The device server: files and calls of clients, and what it refuses.</summary>
public sealed unsafe class DeviceServerTests
{
    private const string Client = "tests/XeSvm.Simulation.Tests/Server/client.c";

    [Fact]
    public void An_ioctl_over_the_socket_reads_and_writes_the_memory_of_the_client()
    {
        using var machine = new ServerMachine();
        using ServerConnection file = ServerConnection.OpenFile(machine.Socket);
        using ServerConnection channel = ServerConnection.OpenChannel(machine.Socket);
        byte* name = stackalloc byte[16];
        var version = new drm_version { name = name, name_len = 16 };
        Assert.Equal(0, channel.Ioctl(file, Drm.DRM_IOCTL_VERSION, ref version));
        Assert.Equal("xe", Encoding.ASCII.GetString(name, (int)version.name_len));
        Assert.Equal(128u, file.Card.Minor);
        Assert.Equal(1u, channel.Card.Minor);

        var request = new RequestMessage { Call = ServerCall.Ioctl, File = file.Card.File, Secret = file.Card.Secret, A = Drm.DRM_IOCTL_VERSION, B = 0x1000 };
        Assert.Equal(-Errno.EFAULT, channel.Call(request, out _));
    }

    [Fact]
    public void A_file_is_reached_by_those_who_know_its_secret_only()
    {
        using var machine = new ServerMachine();
        using ServerConnection file = ServerConnection.OpenFile(machine.Socket);
        using ServerConnection channel = ServerConnection.OpenChannel(machine.Socket);
        foreach (ServerCall call in new[] { ServerCall.Ioctl, ServerCall.Map })
        {
            Assert.Equal(-Errno.EBADF, channel.Call(new RequestMessage { Call = call, File = file.Card.File, Secret = file.Card.Secret ^ 1 }, out _));
            Assert.Equal(-Errno.EBADF, channel.Call(new RequestMessage { Call = call, File = file.Card.File + 1, Secret = file.Card.Secret }, out _));
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(127)]
    [InlineData(129)]
    [InlineData(256)]
    [InlineData(uint.MaxValue)]
    public void A_node_that_there_is_not_is_ENODEV(uint minor)
    {
        using var machine = new ServerMachine();
        using ServerConnection file = ServerConnection.OpenFile(machine.Socket, minor);
        Assert.Equal(-Errno.ENODEV, file.Card.Result);
        Assert.Equal(0, machine.Server.FileCount);
    }

    [Fact]
    public void A_machine_of_two_devices_has_two_nodes()
    {
        using var machine = new ServerMachine("dual-bmg");
        using ServerConnection channel = ServerConnection.OpenChannel(machine.Socket);
        using ServerConnection first = ServerConnection.OpenFile(machine.Socket, 0);
        using ServerConnection second = ServerConnection.OpenFile(machine.Socket, 129);
        Assert.Equal(2u, channel.Card.Minor);
        Assert.Equal(0, first.Card.Result);
        Assert.Equal(0, second.Card.Result);
    }

    [Fact]
    public void A_buffer_object_is_mapped_by_a_descriptor()
    {
        using var machine = new ServerMachine();
        using ServerConnection file = ServerConnection.OpenFile(machine.Socket);
        using ServerConnection channel = ServerConnection.OpenChannel(machine.Socket);
        var create = new drm_xe_gem_create { size = 0x2000, placement = 1, cpu_caching = (ushort)DrmXe.DRM_XE_GEM_CPU_CACHING_WB };
        Assert.Equal(0, channel.Ioctl(file, DrmXe.DRM_IOCTL_XE_GEM_CREATE, ref create));
        var offset = new drm_xe_gem_mmap_offset { handle = create.handle };
        Assert.Equal(0, channel.Ioctl(file, DrmXe.DRM_IOCTL_XE_GEM_MMAP_OFFSET, ref offset));

        nint first = Map(offset.offset, 0x2000);
        nint second = Map(offset.offset, 0x1000);
        *(ulong*)first = 0x1234;
        Assert.Equal(0x1234u, *(ulong*)second);
        SystemCalls.Unmap(first, 0x2000);
        SystemCalls.Unmap(second, 0x1000);
        Assert.Equal(-Errno.EINVAL, channel.Call(Request(offset.offset, 0x3000), out _));
        Assert.Equal(-Errno.EINVAL, channel.Call(Request(offset.offset + 1, 0x1000), out _));

        nint Map(ulong at, nuint length)
        {
            Assert.Equal(0, channel.Call(Request(at, length), out FileDescriptorHandle? memory));
            using (memory)
            {
                Assert.Equal(0, SystemCalls.MapShared(memory!, 0, length, MemoryProtection.ReadWrite, 0, out nint address));
                return address;
            }
        }

        RequestMessage Request(ulong at, ulong length) =>
            new() { Call = ServerCall.Map, File = file.Card.File, Secret = file.Card.Secret, A = at, B = length, C = 3 };
    }

    [Fact]
    public void A_file_ends_with_its_last_descriptor()
    {
        using var machine = new ServerMachine();
        ServerConnection file = ServerConnection.OpenFile(machine.Socket);
        Assert.Equal(0, SystemCalls.Duplicate((int)file.Handle.DangerousGetHandle(), out FileDescriptorHandle? duplicate));
        using ServerConnection channel = ServerConnection.OpenChannel(machine.Socket);
        file.Dispose();
        var version = default(drm_version);
        Assert.Equal(0, channel.Ioctl(file, Drm.DRM_IOCTL_VERSION, ref version));
        duplicate!.Dispose();
        machine.AwaitRest(files: 0, processes: 1, channels: 1);
        Assert.Equal(-Errno.EBADF, channel.Ioctl(file, Drm.DRM_IOCTL_VERSION, ref version));
    }

    [Fact]
    public void Statistics_are_a_file_of_the_device()
    {
        using var machine = new ServerMachine();
        using ServerConnection channel = ServerConnection.OpenChannel(machine.Socket);
        Assert.Contains("svm_pagefault_count: 0", Read("gt0/stats"), StringComparison.Ordinal);
        Assert.StartsWith("xe dev=0000:03:00.0", Read("name"), StringComparison.Ordinal);
        Assert.Null(Read("gt7/stats"));
        Assert.Null(Read("../../../etc/passwd"));

        string? Read(string name)
        {
            var request = new RequestMessage { Call = ServerCall.DebugFile, A = 128 };
            Encoding.ASCII.GetBytes(name, new Span<byte>(request.Name, ServerProtocol.NameBytes));
            int? result = channel.Call(request, out FileDescriptorHandle? text);
            byte[] bytes = new byte[8192];
            int length = result == 0 ? SystemCalls.ReadAt(text!, 0, bytes) : 0;
            text?.Dispose();
            return result == 0 ? Encoding.UTF8.GetString(bytes, 0, length) : null;
        }
    }

    [Theory]
    [InlineData(0x1000, 0x1000)]
    [InlineData(0x2000, 0x1000)]
    [InlineData(0x1001, 0x2000)]
    [InlineData(0x1000, 0x2001)]
    public void A_change_of_no_pages_is_EINVAL(ulong start, ulong end)
    {
        using var machine = new ServerMachine();
        using ServerConnection channel = ServerConnection.OpenChannel(machine.Socket);
        Assert.Equal(-Errno.EINVAL, channel.Call(new RequestMessage { Call = ServerCall.Invalidate, A = start, B = end, C = 1 }, out _));
        Assert.Equal(-Errno.EINVAL, channel.Call(new RequestMessage { Call = ServerCall.Invalidate, A = 0, B = 0x1000, C = 3 }, out _));
        Assert.Equal(0, channel.Call(new RequestMessage { Call = ServerCall.Invalidate, A = 0, B = 0x1000, C = 2 }, out _));
    }

    [Fact]
    public void A_way_to_notice_CPU_faults_that_there_is_not_is_refused_with_those_that_there_are()
    {
        ArgumentException exception = Assert.Throws<ArgumentException>(
            () => DeviceServer.Start(new SoftwareBackendOptions { CpuFaults = "by magic" }, "/nonesuch/device"));
        Assert.Contains("userfaultfd-user-mode, coherent", exception.Message, StringComparison.Ordinal);
        Assert.Throws<IOException>(() => DeviceServer.Start(new SoftwareBackendOptions(), "/nonesuch/device"));
    }

    [SkippableTheory]
    [InlineData("coherent")]
    [InlineData("userfaultfd")]
    public void An_unmodified_program_works_with_forked_children(string cpuFaults)
    {
        using var machine = new ServerMachine(cpuFaults: cpuFaults);
        using Process process = machine.Run(machine.Compile(Client), "work", "40");
        Assert.Equal("working\ndone\n", process.StandardOutput.ReadToEnd());
        process.WaitForExit();
        Assert.Equal((0, ""), (process.ExitCode, process.StandardError.ReadToEnd()));
        machine.AwaitRest(files: 0, processes: 0, channels: 0);
    }

    [Fact]
    [Trait("Rule", "9.outstanding")]
    public void Another_process_hears_that_a_thousand_jobs_are_outstanding() =>
        Assert.Equal($"1000 {Errno.EAGAIN}\nagain\n", RunCalls("full", "coherent"));

    [SkippableTheory]
    [InlineData("coherent")]
    [InlineData("userfaultfd")]
    [Trait("Rule", "7.2.MAP_USERPTR")]
    public void Userptr_memory_is_that_of_the_process_that_binds_it_and_goes_with_it(string cpuFaults) =>
        Assert.Equal($"0\n{Errno.EIO}\n", RunCalls("lend", cpuFaults));

    private static string RunCalls(string what, string cpuFaults)
    {
        using var machine = new ServerMachine(cpuFaults: cpuFaults);
        using Process process = machine.Run(machine.Compile("tests/XeSvm.Simulation.Tests/Server/calls.c"), what);
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal((0, ""), (process.ExitCode, process.StandardError.ReadToEnd()));
        machine.AwaitRest(files: 0, processes: 0, channels: 0);
        return output;
    }

    [Fact]
    public void A_server_that_ends_is_ENODEV_for_its_clients()
    {
        using var machine = new ServerMachine();
        using Process process = machine.Run(machine.Compile(Client), "ask");
        Assert.Equal("0", process.StandardOutput.ReadLine());
        process.StandardInput.WriteLine();
        Assert.Equal("0", process.StandardOutput.ReadLine());
        machine.Server.Dispose();
        process.StandardInput.WriteLine();
        Assert.Equal($"{Errno.ENODEV}", process.StandardOutput.ReadLine());
        process.StandardInput.Close();
        process.WaitForExit();
    }

    [SkippableFact]
    public void Another_user_is_not_let_in()
    {
        Skip.IfNot(SystemCalls.EffectiveUser == 0 && File.Exists("/usr/bin/setpriv"), "Needs root and setpriv to become another user.");
        using var machine = new ServerMachine();
        using (Process chmod = Process.Start("chmod", ["777", Path.GetDirectoryName(machine.Socket)!, machine.Socket]))
        {
            chmod.WaitForExit();
        }

        string program = machine.Compile(Client);
        string preload = Path.Combine(Path.GetDirectoryName(program)!, "preload.so");
        File.Copy(ServerMachine.Preload, preload);
        var start = new ProcessStartInfo(
            "/usr/bin/setpriv",
            ["--reuid=65534", "--clear-groups", "env", $"XESVM_SERVER={machine.Socket}", $"LD_PRELOAD={preload}", program, "ask"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        using Process process = Process.Start(start)!;
        process.StandardInput.Close();
        Assert.NotEqual("0", process.StandardOutput.ReadToEnd().Trim());
        process.WaitForExit();
        Assert.Equal(0, machine.Server.FileCount);
    }
}

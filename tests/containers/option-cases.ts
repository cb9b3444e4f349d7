/** Options of `docker create` whose effect was recorded; see record-options.ts. */

type Fields = Readonly<Record<string, unknown>>;

export interface Fact {
  readonly options: readonly string[];
  /** The first line of docker's refusal. */
  readonly refused?: string;
  readonly warning?: string;
  readonly HostConfig?: Fields;
  readonly Config?: Fields;
  readonly Mounts?: readonly Fields[];
}

export interface Facts {
  readonly base: { readonly HostConfig: Fields; readonly Config: Fields };
  readonly cases: readonly Fact[];
}

/** Blanks part words; `~` is a blank in a word. */
const LINES = `
-m 64m
-m 64m --memory-swap 128m --memory-reservation 32m
-m 64m --memory-swap -1
--memory-swappiness 0 -m 1g
--cpus 1.5
--cpus .5
-c 512
--cpu-quota 50000 --cpu-period 100000
--cpuset-cpus 0-1 --cpuset-mems 0
--pids-limit 50
--pids-limit -1
--pids-limit 0
--oom-kill-disable -m 64m
--oom-score-adj 100
--cap-add NET_ADMIN --cap-drop chown --cap-add cap_sys_time
--cap-add ALL --cap-drop cap_mknod
--privileged
--security-opt no-new-privileges
--security-opt no-new-privileges=true
--security-opt no-new-privileges:false --security-opt seccomp=unconfined
--security-opt label=disable
--security-opt label=type:x
--security-opt apparmor=unconfined
--security-opt systempaths=unconfined
--security-opt apparmor=docker-default
--security-opt foo=bar
--security-opt seccomp=/nonexistent
--security-opt writable-cgroups=true
--device /dev/null
--device /dev/null:/dev/x
--device /dev/null:r
--device /dev/null:/dev/x:rw
--device-cgroup-rule c~1:3
--device /dev/nonexist
--ulimit nofile=100:200
--ulimit nofile=100 --ulimit core=-1
--ulimit nofile=200:100
--ulimit foo=1
--ulimit nproc=unlimited
--sysctl net.ipv4.ip_forward=1 --sysctl kernel.shm_rmid_forced=1
--sysctl kernel.panic=1
--sysctl net.ipv4.ip_forward
--read-only
--tmpfs /t
--tmpfs /t:size=1m,mode=700
--tmpfs /t:foo
--tmpfs t
--shm-size 32m
--shm-size 0
--group-add 44 --group-add tty
--init
--init=false
-h hh --domainname dd.example
--add-host a:1.2.3.4 --add-host b=[::1] --add-host c:host-gateway
--add-host a
--add-host a:x
--dns 9.9.9.9 --dns-search x.y --dns-option ndots:3
--dns foo
--dns-search .
--pid host
--pid private
--pid foo
--ipc host
--ipc none
--ipc shareable
--ipc private
--ipc foo
--uts host
--uts foo
--userns host
--userns foo
--cgroupns host
--cgroupns private
--cgroupns foo
--cgroup-parent /foo
--cgroup-parent foo
--stop-signal INT
--stop-signal 9
--stop-signal FOO
--stop-timeout 3
--annotation c=d
--annotation c
--network none
--network host
--network none -p 80
--network host -p 80:80
-p 8123:80 -p 127.0.0.1::81/udp
-p 8000-8002:80-82
-p 80
-p [::1]:8080:80
-P --expose 90 --expose 100-102/udp
--expose foo
--network none --network host
--network none --ip 1.2.3.4
--ip 1.2.3.4
--mac-address 02:42:ac:11:00:99
--mac-address foo
--network-alias x
--network name=none
--network none,alias=x
-v vvv:/vol:ro
-v /srv:/bind:rshared
-v /srv:/b:ro,z
-v /vol
-v vvv:/v:nocopy
-v /srv:/b:nocopy
-v vvv:/v:rshared
-v /srv:/b:foo
-v /srv:/b:ro,rw
-v /srv:/b:cached
-v /srv:/b:consistent,delegated
-v a:b
-v /srv:/
-v vvv:/v:volume-nocopy
-v /srv:/b:rro
--mount type=tmpfs,dst=/mt,tmpfs-size=2m,tmpfs-mode=0711
--mount type=volume,src=www,dst=/w2,volume-nocopy
--mount type=bind,src=/srv,dst=/b,ro,bind-propagation=rslave
--mount type=bind,src=/nonexistent,dst=/b
--mount type=bind,src=/srv,dst=/b,bind-nonrecursive
--mount type=bind,src=/srv,dst=/b,bind-recursive=readonly,readonly,bind-propagation=rprivate
--mount type=bind,src=/srv,dst=/b,bind-recursive=disabled
--mount type=bind,src=/srv,dst=/b,bind-recursive=writable,ro
--mount src=www,dst=/w
--mount dst=/w
--mount type=volume,dst=/w,volume-label=a=b,volume-opt=type=tmpfs,volume-opt=device=tmpfs,volume-driver=local
--mount type=volume,src=www,dst=/w,volume-subpath=sub
--mount type=foo,dst=/w
--mount type=bind,dst=/w
--mount type=tmpfs,src=x,dst=/w
--mount type=bind,src=/srv
--mount type=bind,src=/srv,dst=/b,foo=bar
--mount type=bind,src=/srv,dst=/b,volume-nocopy
--mount type=tmpfs,dst=/m,tmpfs-size=x
--mount type=bind,src=tmp,dst=/b
--mount type=bind,src=/srv,dst=b
--mount type=bind,src=/srv,dst=/b,consistency=cached
--mount type=tmpfs,dst=/b,readonly
--mount type=image,src=busybox,dst=/i
--mount type=bind,src=/srv,dst=/b -v /srv:/b
-v /srv:/b -v /etc:/b
--mount type=bind,src=/srv,dst=/b,readonly=false
--mount type=bind,src=/srv,dst=/b,readonly=x
--volumes-from nonexist
-m 1m
-m 64m --memory-swap 32m
--memory-swap 32m
-m 64m --memory-reservation 128m
--cpus 99
--cpus foo
--cpus 1 --cpu-period 1000
--cpu-quota 10
--cpu-period 10
--cpuset-cpus 7
--cpuset-cpus foo
--cpuset-mems 7
--blkio-weight 5
--blkio-weight 300
--oom-score-adj 2000
--memory-swappiness 200
--memory-swappiness 10
-m foo
-c 1
--oom-kill-disable
--kernel-memory 10m
--cpu-rt-period 1000 --cpu-rt-runtime 900
--device-read-bps /dev/loop0:1mb
--device-write-iops /dev/loop0:100
--device-read-bps loop0
--blkio-weight-device /dev/loop0:100
--device-cgroup-rule c~1:3~rwm
--runtime runc
--runtime foo
--isolation default
--isolation hyperv
--storage-opt size=1G
--volume-driver local -v q:/q
--link foo
--gpus all
--gpus 2
--gpus device=0
--gpus foo
--device vendor.com/class=x
--device vendor.com/class=x --device /dev/null --device vendor.com/class=y
--cgroup-parent a/b.slice
--cap-add FOO
--cap-drop FOO
--use-api-socket
--disable-content-trust
-q
--sig-proxy=false
--hostname -x
--domainname x_y
-u foo:bar
-w rel
-w /x
--platform linux/amd64
--platform foo
--pull foo
--pull never
`;

export const CASES: readonly (readonly string[])[] = LINES.trim().split('\n').map(wordsOf);

export function wordsOf(line: string): string[] {
  return line === '' ? [] : line.split(' ').map((word) => word.replaceAll('~', ' '));
}

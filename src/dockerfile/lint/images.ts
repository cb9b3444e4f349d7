const GNU =
  /^(?:docker\.io\/)?(?:library\/)?(?:debian|ubuntu|node|python|golang|ruby|php|rust|openjdk|eclipse-temurin|buildpack-deps|fedora|centos|rockylinux|almalinux|maven|gradle|perl|nginx|httpd|postgres|mysql|redis)(?::|@|$)/;
const SMALL = /(?:^|[/:-])(?:alpine|busybox)/;

/** True for images of which it is known that they have bash at /bin/bash and GNU's programs. */
export function hasGnuPrograms(image: string): boolean {
  return GNU.test(image) && !SMALL.test(image);
}

/** True for images whose name says that their programs are those of busybox. */
export function hasBusybox(image: string): boolean {
  return SMALL.test(image);
}

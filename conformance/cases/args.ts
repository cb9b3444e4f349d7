import type { CaseGroup } from '../cases.ts';

export const args: CaseGroup = {
  name: 'args',
  from: 'Dockerfile reference, "ARG", "Understand how ARG and FROM interact", "Automatic platform ARGs"',
  cases: [
    { name: 'a default holds without --build-arg', dockerfile: ['FROM busybox', 'ARG A=1', 'LABEL a=$A'] },
    {
      name: '--build-arg wins over the default',
      dockerfile: ['FROM busybox', 'ARG A=1', 'LABEL a=$A'],
      args: ['--build-arg', 'A=2'],
    },
    {
      name: 'an empty --build-arg wins too',
      dockerfile: ['FROM busybox', 'ARG A=1', 'LABEL a=x$A'],
      args: ['--build-arg', 'A='],
    },
    {
      name: 'a build argument that no ARG declares changes nothing',
      dockerfile: ['FROM busybox', 'LABEL a=x$A'],
      args: ['--build-arg', 'A=1'],
    },
    {
      name: 'an ARG is not set above its line',
      dockerfile: ['FROM busybox', 'LABEL a=${A:-none}', 'ARG A=1', 'LABEL b=$A'],
    },
    { name: 'an ARG before FROM is for FROM', dockerfile: ['ARG TAG=latest', 'FROM busybox:${TAG}', 'LABEL a=x$TAG'] },
    {
      name: 'declared again it is known in the stage',
      dockerfile: ['ARG A=global', 'FROM busybox', 'ARG A', 'LABEL a=$A'],
    },
    {
      name: 'declared again with a default that counts',
      dockerfile: ['ARG A=global', 'FROM busybox', 'ARG A=own', 'LABEL a=$A'],
    },
    {
      name: 'a stage on another has its ARGs',
      dockerfile: ['FROM busybox AS base', 'ARG A=1', 'FROM base', 'LABEL a=$A'],
    },
    {
      name: 'a stage beside another has not',
      dockerfile: ['FROM busybox AS other', 'ARG A=1', 'FROM busybox', 'LABEL a=${A:-none}'],
    },
    {
      name: 'several in one instruction see each other',
      dockerfile: ['FROM busybox', 'ARG A=1 B=${A}2 C="x y"', 'LABEL b=$B c=$C'],
    },
    {
      name: 'ENV wins over ARG',
      dockerfile: ['FROM busybox', 'ARG A=1', 'ENV A=2', 'RUN echo $A > /a'],
      args: ['--build-arg', 'A=3'],
    },
    { name: 'ARG below ENV takes its place', dockerfile: ['FROM busybox', 'ENV A=2', 'ARG A=1', 'RUN echo $A > /a'] },
    {
      name: 'ENV keeps the value of an ARG',
      dockerfile: ['FROM busybox', 'ARG V=1', 'ENV V=${V:-v0}'],
      args: ['--build-arg', 'V=7'],
    },
    { name: 'RUN has ARGs in its environment', dockerfile: ['FROM busybox', 'ARG A="a b"', 'RUN env | grep ^A= > /a'] },
    { name: 'an ARG without value is not set', dockerfile: ['FROM busybox', 'ARG A', 'RUN echo ${A-unset} > /a'] },
    {
      name: 'proxies need no ARG and are not kept',
      dockerfile: ['FROM busybox', 'RUN echo $HTTP_PROXY $http_proxy > /p'],
      args: ['--build-arg', 'HTTP_PROXY=http://p:1'],
    },
    {
      name: 'a proxy that is declared is in the history',
      dockerfile: ['FROM busybox', 'ARG http_proxy', 'RUN echo $http_proxy > /p'],
      args: ['--build-arg', 'http_proxy=http://p:1'],
    },
    {
      name: 'the platform arguments have to be declared',
      dockerfile: [
        'FROM busybox',
        'LABEL a=x$TARGETOS',
        'ARG TARGETOS TARGETARCH TARGETPLATFORM TARGETVARIANT BUILDOS BUILDARCH',
        'LABEL b=$TARGETOS/$TARGETARCH/$TARGETVARIANT c=$TARGETPLATFORM d=$BUILDOS/$BUILDARCH',
      ],
    },
    {
      name: 'FROM takes platform arguments undeclared',
      dockerfile: ['FROM --platform=$BUILDPLATFORM busybox ', 'LABEL a=b'],
    },
    {
      name: 'a default with platform arguments before FROM',
      dockerfile: ['ARG X=$TARGETARCH', 'FROM busybox', 'ARG X', 'LABEL x=$X'],
    },
    { name: 'an ARG in FROM without value is refused', dockerfile: ['ARG X', 'FROM $X', 'LABEL a=b'] },
    { name: 'an ARG without a name is refused', dockerfile: ['FROM busybox', 'ARG =x'] },
  ],
};
